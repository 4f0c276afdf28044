package tape

import (
	"fmt"

	"chronus/engine/sink/wavfile"
)

// Export writes the delivered blocks of a tape to a sound file: exactly the
// samples that a listener got, including faded and concealed ones.
type Export struct {
	r    *Reader
	w    *wavfile.File
	next uint64 // the block that is due
	err  error
	Exported
}

// Exported describes what an export has written.
type Exported struct {
	Frames  uint64 // length of the file, missing blocks included
	Missing uint64 // blocks, up to the last one on the tape, without a record; silence in the file
}

// NewExport creates a WAV file of 32-bit floats, replacing any file of that
// name, to which every block goes that r reads from then on. Replay may be what
// reads them.
func NewExport(r *Reader, path string) (*Export, error) {
	w, err := wavfile.Open(path, r.h.Rate, r.h.Channels, r.h.Frames)
	if err != nil {
		return nil, err
	}
	x := &Export{r: r, w: w}
	r.export = x
	return x, nil
}

// block writes a block that has been read. If the tape has a block twice, the
// first is kept, because that is the one that was heard.
func (x *Export) block(b *Block) {
	switch {
	case x.err != nil || b.Block < x.next:
		return
	case b.Block-x.next > maxGap:
		x.err = fmt.Errorf("%w: found block %d where block %d is due", ErrInconsistent, b.Block, x.next)
		return
	}
	if x.err = x.w.WriteBlock(b.Block, b.Samples); x.err != nil {
		return
	}
	x.Missing += b.Block - x.next
	x.next = b.Block + 1
	x.Frames = x.next * uint64(x.r.h.Frames)
}

// Close reads the rest of the tape, as far as it is readable, and completes the
// file. It returns an error of the file, or ErrInconsistent if the blocks are
// not those of one session. An error of reading is not returned here; the
// Reader keeps it.
func (x *Export) Close() (Exported, error) {
	for x.err == nil {
		if _, err := x.r.Next(); err != nil {
			break
		}
	}
	x.r.export = nil
	if err := x.w.Close(); x.err == nil {
		x.err = err
	}
	return x.Exported, x.err
}
