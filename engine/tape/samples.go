package tape

import (
	"errors"
	"io"
)

// Samples reads all samples of a tape into memory, interleaved, 4 bytes per
// sample. If the tape has a block twice, the first is used, because that is the
// one that was heard; a missing block is left out. A tape without an end record
// is read as far as it goes.
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
