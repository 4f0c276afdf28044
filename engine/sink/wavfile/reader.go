package wavfile

import (
	"fmt"
	"io"
	"math"
	"os"
)

// readSize is the Reader's buffer in bytes.
const readSize = 64 << 10

// Reader reads the samples of a file, which may still be growing. It goes by
// the length of the file, whatever the sizes in the header, and treats
// everything after the header of the data chunk as samples. It is not safe for
// concurrent use.
type Reader struct {
	f      *os.File
	format format
	data   int64 // offset of the first sample in bytes
	buf    []byte
	at     int64 // offset of the contents of buf, in bytes from the first sample
	n      int   // length of the contents of buf, in bytes
}

// OpenReader opens a file and checks its header. It is an error if that is not
// one of a RIFF or RF64 file with 32-bit float samples.
func OpenReader(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("wavfile: %w", err)
	}
	have, data, err := parse(f)
	if err != nil {
		_ = f.Close() // only read from
		return nil, fmt.Errorf("wavfile: %s: %w", path, err)
	}
	return &Reader{f: f, format: have, data: data, buf: make([]byte, readSize-readSize%have.frameSize())}, nil
}

// Rate returns the sample rate in Hz.
func (r *Reader) Rate() int { return r.format.rate }

// Channels returns the number of interleaved channels.
func (r *Reader) Channels() int { return r.format.channels }

// Frames returns how many whole frames the file holds at the moment.
func (r *Reader) Frames() (int64, error) {
	st, err := r.f.Stat()
	if err != nil {
		return 0, fmt.Errorf("wavfile: %w", err)
	}
	return max(st.Size()-r.data, 0) / int64(r.format.frameSize()), nil
}

// ReadFrames reads interleaved samples into dst, whose length must be a
// multiple of the number of channels, starting at frame atFrame of the file. It
// returns the number of frames read. If the file has fewer than requested, the
// error is io.EOF, and a later call may find more.
func (r *Reader) ReadFrames(dst []float32, atFrame int64) (int, error) {
	size := int64(r.format.frameSize())
	if len(dst)%r.format.channels != 0 || atFrame < 0 || atFrame > (math.MaxInt64-r.data)/size-int64(len(dst)) {
		return 0, fmt.Errorf("wavfile: cannot read %d samples of %d channels from frame %d",
			len(dst), r.format.channels, atFrame)
	}
	frames := len(dst) / r.format.channels
	for done := 0; done < frames; {
		at := (atFrame + int64(done)) * size
		if at < r.at || at >= r.at+int64(r.n) {
			if err := r.fill(at); err != nil {
				return done, err
			}
		}
		part := r.buf[at-r.at : r.n]
		n := min(len(part)/int(size), frames-done)
		for i := range n * r.format.channels {
			dst[done*r.format.channels+i] = math.Float32frombits(le.Uint32(part[sampleSize*i:]))
		}
		done += n
	}
	return frames, nil
}

// fill fills the buffer with whole frames from offset at, in bytes from the
// first sample.
func (r *Reader) fill(at int64) error {
	n, err := r.f.ReadAt(r.buf, r.data+at)
	n -= n % r.format.frameSize()
	r.at, r.n = at, n
	if n == 0 {
		if err == nil || err == io.EOF {
			return io.EOF
		}
		return fmt.Errorf("wavfile: %w", err)
	}
	return nil
}

// Close closes the file.
func (r *Reader) Close() error { return r.f.Close() }
