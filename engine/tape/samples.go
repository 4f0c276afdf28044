package tape

import (
	"errors"
	"io"
)

// Samples is all the sound on a tape, interleaved, in memory: 4 bytes a sample. Of a block that is there twice the first is taken,
// as it was heard; one that is missing is left out. A tape without an end is read as far as it goes.
func Samples(path string) (samples []float32, channels int, err error) {
	r, err := Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer r.Close()
	next := uint64(0)
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, ErrUnfinished) {
			return samples, r.h.Channels, nil
		}
		if err != nil {
			return nil, 0, err
		}
		if b, ok := rec.(*Block); ok && b.Block >= next {
			samples = append(samples, b.Samples...)
			next = b.Block + 1
		}
	}
}
