package wavfile

import (
	"errors"
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// File is a WAV file that is being written. It is not safe for concurrent use.
type File struct {
	f      *os.File
	format format
	frames int    // per block
	end    uint64 // bytes of samples up to the end of the last block written
	fd     int
	stat   unix.Stat_t // of there, which must not allocate
	head   []byte
	buf    []byte // one block, reused
}

// Open creates the file, replacing any file of that name, and writes the header
// of an empty one. rate is in Hz, and every block has that many frames.
func Open(path string, rate, channels, frames int) (*File, error) {
	return open(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, rate, channels, frames)
}

// Reopen continues a file that another process began with the same rate,
// channels and frames. Its samples stay, and WriteBlock adds to them or
// overwrites them. It is an error if the file does not exist or has a different
// format.
func Reopen(path string, rate, channels, frames int) (*File, error) {
	return open(path, os.O_RDWR, rate, channels, frames)
}

func open(path string, flag, rate, channels, frames int) (*File, error) {
	w := &File{format: format{rate, channels}, frames: frames, head: make([]byte, HeaderSize)}
	if err := w.format.validate(); err != nil {
		return nil, fmt.Errorf("wavfile: %s: %w", path, err)
	}
	if frames < 1 || frames > math.MaxInt32/w.format.frameSize() {
		return nil, fmt.Errorf("wavfile: %s: cannot write blocks of %d frames", path, frames)
	}
	w.buf = make([]byte, frames*w.format.frameSize())
	f, err := os.OpenFile(path, flag, 0o644)
	if err != nil {
		return nil, fmt.Errorf("wavfile: %w", err)
	}
	w.f, w.fd = f, int(f.Fd())
	if flag&os.O_TRUNC == 0 {
		err = w.resume()
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("wavfile: %s: %w", path, err), f.Close())
	}
	return w, nil
}

// resume checks the existing header and takes the end from the length of the
// file, because the header may be older than the last block. An incomplete last
// frame is left out.
func (w *File) resume() error {
	have, at, err := parse(w.f)
	if err != nil {
		return err
	}
	if have != w.format || at != HeaderSize {
		return fmt.Errorf("the file has %d channels at %d Hz from byte %d, not %d at %d Hz from byte %d",
			have.channels, have.rate, at, w.format.channels, w.format.rate, HeaderSize)
	}
	st, err := w.f.Stat()
	if err != nil {
		return err
	}
	n := uint64(max(st.Size()-HeaderSize, 0))
	w.end = n - n%uint64(w.format.frameSize())
	return nil
}

// Blocks returns the number of whole blocks in the file.
func (w *File) Blocks() uint64 { return w.end / uint64(len(w.buf)) }

var (
	errLength = errors.New("wavfile: the number of samples is not that of a block")
	errBlock  = errors.New("wavfile: the block is beyond the largest possible file")
)

// WriteBlock writes one block, frames*channels interleaved samples, at the
// position that follows from its number; blocks that are left out read as
// silence. It does not allocate. The header does not include the block until
// Flush.
func (w *File) WriteBlock(block uint64, samples []float32) error {
	n := uint64(len(w.buf))
	if len(samples)*sampleSize != len(w.buf) {
		return errLength
	}
	if block > (math.MaxInt64-HeaderSize)/n-1 {
		return errBlock
	}
	for i, s := range samples {
		le.PutUint32(w.buf[sampleSize*i:], math.Float32bits(s))
	}
	if _, err := w.f.WriteAt(w.buf, int64(HeaderSize+block*n)); err != nil {
		return err
	}
	w.end = max(w.end, (block+1)*n)
	return nil
}

// Flush updates the sizes in the header to what has been written, so that any
// program can play the file if its writer is killed afterwards. It returns
// ENOENT if the file has been deleted. It does not allocate.
func (w *File) Flush() error {
	w.format.put(w.head, w.end)
	if _, err := w.f.WriteAt(w.head, 0); err != nil {
		return err
	}
	return w.there()
}

// there returns ENOENT if the file has no name any more: what is written to it
// is lost with the last descriptor.
func (w *File) there() error {
	if err := unix.Fstat(w.fd, &w.stat); err != nil {
		return err
	}
	if w.stat.Nlink == 0 {
		return unix.ENOENT
	}
	return nil
}

// Close updates the header and closes the file.
func (w *File) Close() error {
	return errors.Join(w.Flush(), w.f.Close())
}
