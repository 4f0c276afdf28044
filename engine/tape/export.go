package tape

import (
	"fmt"

	"chronus/engine/sink/wavfile"
)

// Export writes what a tape says was delivered to a sound file: the very samples that a listener got, the faded and the
// concealed ones too.
type Export struct {
	r    *Reader
	w    *wavfile.File
	next uint64 // block due
	err  error
	Exported
}

// Exported is what an export has written.
type Exported struct {
	Frames  uint64 // length of the file, missing blocks included
	Missing uint64 // blocks, up to the last one on the tape, that it does not have: silence in the file
}

// NewExport begins a WAV file of 32-bit floats, replacing one of that name, with all blocks that r reads from now on. Replay may
// read them at the same time.
func NewExport(r *Reader, path string) (*Export, error) {
	w, err := wavfile.Open(path, r.h.Rate, r.h.Channels, r.h.Frames)
	if err != nil {
		return nil, err
	}
	x := &Export{r: r, w: w}
	r.export = x
	return x, nil
}

// block writes one that has been read. Of a block that is there twice the first is kept: it was heard.
func (x *Export) block(b *Block) {
	switch {
	case x.err != nil || b.Block < x.next:
		return
	case b.Block-x.next > maxGap:
		x.err = fmt.Errorf("%w: block %d where %d is due", ErrInconsistent, b.Block, x.next)
		return
	}
	if x.err = x.w.WriteBlock(b.Block, b.Samples); x.err != nil {
		return
	}
	x.Missing += b.Block - x.next
	x.next = b.Block + 1
	x.Frames = x.next * uint64(x.r.h.Frames)
}

// Close reads the rest of the tape, as far as it can be read, and completes the file. The error is one of the file, or says that
// the tape's blocks are no session; what could not be read is the Reader's to say.
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
