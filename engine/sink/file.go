package sink

// FileFormat opens sound files of one format. A file outlives its writer: what
// one process has created, another resumes after a crash.
type FileFormat struct {
	// Create replaces the file of that name with an empty one.
	Create func(path string, s Shape) (File, error)
	// Resume goes on with a file that another process has created with the same
	// shape: the blocks that it holds stay.
	Resume func(path string, s Shape) (File, error)
}

// Shape is the shape of the sound in a file.
type Shape struct {
	Rate     int // Hz
	Channels int
	Frames   int // per block
}

// File is a sound file being written. It is not safe for concurrent use.
type File interface {
	// Blocks returns the number of blocks that the file has room for already:
	// those below it were written, apart from any that were left out.
	Blocks() uint64
	// WriteBlock writes frames x channels interleaved samples at the place of
	// that block. It does not allocate.
	WriteBlock(block uint64, samples []float32) error
	// Flush brings the file up to date for a reader. It does not allocate.
	Flush() error
	Close() error
}
