package oracle

import (
	"errors"
	"fmt"
	"io"
	"math"

	"chronus/engine/tape"
)

// listen renders the tape again and compares the delivered sound with it, with
// the closed form and with the ledger.
func (c *check) listen() error {
	r, err := tape.Open(c.run.Tape)
	if err != nil {
		return err
	}
	defer r.Close()
	c.closed = newClosedForm(c.res.Header, c.log)
	l := listener{c: c, sound: make([]float32, c.res.Header.Frames*c.res.Header.Channels)}
	res, err := tape.Replay(r, c.comp.Program, l.block)
	c.res.Replay = *res
	c.res.Compared = res.Compared
	if l.err != nil {
		return l.err
	}
	var corrupt *tape.CorruptError
	switch {
	case errors.Is(err, tape.ErrInconsistent):
		c.tape.violated(1, err.Error)
	// The survey has counted an unfinished or corrupt tape.
	case err != nil && !errors.Is(err, tape.ErrUnfinished) && !errors.As(err, &corrupt):
		return err
	}
	return nil
}

// listener takes the blocks of a replay in their order.
type listener struct {
	c     *check
	next  uint64    // the block that is due
	sound []float32 // of one block, from the WAV file
	err   error
}

func (l *listener) block(b *tape.Block, want []float32) {
	if b.Block < l.next || l.err != nil {
		return // delivered again: the WAV file holds only one of the deliveries
	}
	l.next = b.Block + 1
	lost := b.Flags&tape.FlagLost != 0
	sound, ok := l.hear(b)
	l.compare(b, want, sound, lost)
	if l.c.closed != nil && want != nil {
		l.c.closed.follow(b)
	}
	if lost || !ok || b.Flags&tape.FlagFade != 0 {
		return
	}
	if l.c.ledger != nil {
		l.c.ledger.heard(b, sound, l.c.res.Header.Channels)
	}
	if l.c.closed != nil {
		l.c.closed.check(b, sound)
	}
}

// hear returns what the WAV file has of b, or what the tape has if there is no
// WAV file. ok is false if that is not the whole block.
func (l *listener) hear(b *tape.Block) (sound []float32, ok bool) {
	if l.c.wav == nil {
		return b.Samples, true
	}
	h := l.c.res.Header
	if b.Block > math.MaxInt64/uint64(h.Frames) {
		return nil, false
	}
	n, err := l.c.wav.ReadFrames(l.sound, int64(b.Block)*int64(h.Frames))
	switch {
	case err == nil:
		return l.sound, true
	case !errors.Is(err, io.EOF):
		l.err = err
	}
	return l.sound[:n*h.Channels], false
}

// compare counts the frames of a block that are wrong. A lost block has no
// reference to be compared with, but the WAV file must hold what the tape says
// was played.
func (l *listener) compare(b *tape.Block, want, sound []float32, lost bool) {
	channels := l.c.res.Header.Channels
	if lost {
		want = nil
	}
	wrong, last := &l.c.wrong, -1 // last counted: a frame counts once, whatever is wrong with it
	at := func(i int) string {
		frame := l.c.frames(b.Block) + uint64(i/channels)
		return fmt.Sprintf("block %d, frame %d, channel %d", b.Block, frame, i%channels)
	}
	for i, got := range b.Samples {
		bits, frame := math.Float32bits(got), i/channels
		if frame == last {
			continue
		}
		if want != nil && math.Float32bits(want[i]) != bits {
			last = frame
			wrong.violated(1, func() string {
				return fmt.Sprintf("%s: %v (%08x), the reference is %v (%08x)",
					at(i), got, bits, want[i], math.Float32bits(want[i]))
			})
			continue
		}
		if l.c.wav != nil && i < len(sound) && math.Float32bits(sound[i]) != bits {
			last = frame
			wrong.violated(1, func() string {
				return fmt.Sprintf("%s: the WAV file has %v (%08x), the tape has %v (%08x)",
					at(i), sound[i], math.Float32bits(sound[i]), got, bits)
			})
		}
	}
}

// conclude compares the counts with what was due and lists the assertions.
func (c *check) conclude() {
	c.rewound.violated(c.res.Replay.Rewound, func() string { return c.back })
	c.length()
	c.complete()
	c.res.Assertions = []Assertion{c.tape, c.compared, c.wrong}
	if c.wav != nil {
		c.res.Assertions = append(c.res.Assertions, c.wavLength)
	}
	c.res.Assertions = append(c.res.Assertions, c.lost, c.dup, c.gap, c.rewound, c.disagree, c.seal)
	if c.closed != nil {
		c.res.Closed = c.closed.frames
		c.res.Assertions = append(c.res.Assertions, c.closed.Assertion)
	}
	if c.ledger != nil {
		c.res.Assertions = append(c.res.Assertions, c.ledger.settle()...)
		c.res.CommandNS, c.res.Merged, c.res.Swallowed = c.ledger.latency, c.ledger.merged, c.ledger.swallowed
	}
}

// complete fails a check that has examined less than was due.
func (c *check) complete() {
	due, got := c.res.Due, c.res.Compared
	closed := due - min(c.frames(c.fades), due)
	missing := func(n uint64, format string, args ...any) {
		c.compared.violated(n, func() string { return fmt.Sprintf(format, args...) })
	}
	switch {
	case got == 0:
		missing(1, "nothing was compared")
	case got != due:
		missing(max(due, got)-min(due, got), "%d frames of %d due", got, due)
	case c.closed != nil && c.closed.frames != closed && !c.wavLength.Failed():
		missing(max(closed, c.closed.frames)-min(closed, c.closed.frames),
			"closed form: %d frames of %d due", c.closed.frames, closed)
	case c.res.Header.Replicas > 1 && c.res.Replay.Replicated == 0:
		missing(1, "no block has the checksums of two replicas")
	}
}

// length compares the length of the WAV file with the blocks on the tape.
func (c *check) length() {
	if c.wav == nil {
		return
	}
	want := c.frames(c.due)
	switch n := c.res.WAVFrames; {
	case n < want:
		c.wavLength.violated(want-n, func() string {
			return fmt.Sprintf("%d frames, the tape has %d", n, want)
		})
	case n > want && !c.run.Unfinished:
		c.wavLength.violated(n-want, func() string {
			return fmt.Sprintf("%d frames, the tape has only %d", n, want)
		})
	}
}
