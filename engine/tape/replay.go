package tape

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"chronus/engine/dsp"
)

// ErrInconsistent is wrapped by errors about intact records that contradict
// each other, so that no reference can be rendered from there on: a command out
// of order, a block that takes commands which the tape does not have, a state
// that never existed.
var ErrInconsistent = errors.New("tape: inconsistent")

const (
	maxGap  = 1 << 16 // blocks that may be missing in a row; more is not a gap but another session
	maxHeld = 4096    // lost blocks that are kept whole until they are visited
)

// Diff is a sample that was delivered with other bits than the reference has.
type Diff struct {
	Block   uint64
	Frame   uint64 // absolute: Block*Frames plus the frame within the block
	Channel int
	Got     uint32 // bits of the delivered float32
	Want    uint32 // bits of the reference
}

func (d *Diff) String() string {
	return fmt.Sprintf("block %d, frame %d, channel %d: got %v (%08x), want %v (%08x)", d.Block, d.Frame, d.Channel,
		math.Float32frombits(d.Got), d.Got, math.Float32frombits(d.Want), d.Want)
}

// Result is what a replay found.
type Result struct {
	Blocks     uint64 // block records, including lost and repeated ones
	Commands   uint64 // command records
	Lost       uint64 // blocks flagged as lost
	Compared   uint64 // frames compared with the reference: those of delivered blocks, once each
	Differing  uint64 // compared frames that differ in any bit
	FirstDiff  *Diff  // nil if there is none
	Gaps       uint64 // blocks from 0 to the last one recorded that have no record
	Dups       uint64 // records of a block that the tape has passed already; they are not compared
	Disagree   uint64 // blocks in which a non-zero entry of Sums differs from Sum or from another
	Replicated uint64 // blocks with two or more non-zero Sums: those in which replicas can disagree

	// Rewound counts delivered blocks whose state was abandoned, because a
	// later block continues from before them.
	Rewound uint64
}

// Replay renders the sealed commands of a tape again and compares the result
// with the delivered samples, bit by bit.
//
// A delivered block continues from the state after block Prev-1. It takes the
// commands from the cutoff of that block up to its own Cutoff. Normally Prev
// equals Block. After an outage it is lower: the blocks in between were never
// rendered. A lost block was rendered too late to be played, with its own Prev
// and Cutoff, unless the Prev of a later block skips it. A block without a
// record (a gap) is assumed to have been rendered without commands of its own,
// because its cutoff is unknown.
//
// visit, which may be nil, is called with every block record and its reference,
// Frames*Channels samples; both are valid only during the call. want is nil for
// a repeated block, and for a lost one that was never rendered or that no
// delivered block follows. Only later records show whether a lost block was
// rendered, so it is visited just before the next delivered block. (After more
// than 4096 lost blocks in a row the earliest are visited early, with nil.)
//
// If there is an error, the result is complete up to it. The error is that of
// the Reader, such as ErrUnfinished for a tape without an end record, or it
// wraps ErrInconsistent.
func Replay(r *Reader, prog *dsp.Program, visit func(b *Block, want []float32)) (*Result, error) {
	h := r.Header()
	if prog.Rate != h.Rate || prog.Frames != h.Frames || prog.Channels != h.Channels {
		return &Result{}, fmt.Errorf("%w: the program is for %d Hz, %d frames and %d channels, the tape for %d, %d and %d",
			ErrInconsistent, prog.Rate, prog.Frames, prog.Channels, h.Rate, h.Frames, h.Channels)
	}
	if visit == nil {
		visit = func(*Block, []float32) {}
	}
	p := &replay{
		frames: h.Frames, channels: h.Channels, line: newTimeline(prog),
		want: make([]float32, h.samples()), visit: visit,
	}
	err := p.run(r)
	p.giveUp()
	return &p.res, err
}

// replay is a replay in progress.
type replay struct {
	frames   int
	channels int
	line     *timeline
	want     []float32
	visit    func(*Block, []float32)
	res      Result
	next     uint64 // the block that is due
	cutoff   uint64 // of the last block record
	held     []held // lost blocks since the last delivered one
	whole    int    // number of those that have a rec; they come last
	free     []*Block
}

// held is a lost block that may or may not have been rendered.
type held struct {
	block  uint64
	prev   uint64
	cutoff uint64
	gap    bool   // the tape has no record of it
	rec    *Block // nil if it has been visited already
}

func (p *replay) run(r *Reader) error {
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch rec := rec.(type) {
		case *Command:
			err = p.command(rec)
		case *Block:
			err = p.block(rec)
		}
		if err != nil {
			return err
		}
	}
}

// command takes the next command of the log.
func (p *replay) command(c *Command) error {
	if c.Index != p.line.seen() {
		return fmt.Errorf("%w: found command %d where command %d is due", ErrInconsistent, c.Index, p.line.seen())
	}
	p.line.command(c)
	p.res.Commands++
	return nil
}

// block takes the next block record.
func (p *replay) block(b *Block) error {
	p.res.Blocks++
	same, replicas := b.Agree()
	if !same {
		p.res.Disagree++
	}
	if replicas > 1 {
		p.res.Replicated++
	}
	if b.Block < p.next {
		p.res.Dups++
		p.visit(b, nil)
		return nil
	}
	switch gap := b.Block - p.next; {
	case gap > maxGap:
		return fmt.Errorf("%w: found block %d where block %d is due", ErrInconsistent, b.Block, p.next)
	case b.Cutoff < p.cutoff:
		return fmt.Errorf("%w: block %d takes the commands below %d, but the block before it took those below %d",
			ErrInconsistent, b.Block, b.Cutoff, p.cutoff)
	case b.Cutoff > p.line.seen():
		return fmt.Errorf("%w: block %d takes the commands below %d, but the tape has only %d so far",
			ErrInconsistent, b.Block, b.Cutoff, p.line.seen())
	default:
		p.res.Gaps += gap
	}
	p.next, p.cutoff = b.Block+1, b.Cutoff
	if b.Flags&FlagLost != 0 {
		p.res.Lost++
		p.hold(b)
		return nil
	}
	if err := p.reach(b); err != nil {
		return err
	}
	p.giveUp()
	p.line.jump(b.Block, b.Cutoff, true, p.want)
	if b.Flags&FlagFade != 0 {
		dsp.Fade(p.want, p.channels)
	}
	p.compare(b)
	p.visit(b, p.want)
	return nil
}

// reach brings the timeline to the moment from which b continues. The way there
// leads back through the lost blocks, each by its own Prev: a block that was
// rendered too late to be heard is part of the state all the same, even if it
// was the first after an outage. Lost blocks that are not on the way were never
// rendered.
func (p *replay) reach(b *Block) error {
	need := b.Prev
	if need > b.Block {
		return laterPrev(b.Block, b.Prev)
	}
	var way []held // from the last block to the first
	for i := len(p.held) - 1; need > p.line.last().next; {
		for i >= 0 && p.held[i].block >= need {
			i--
		}
		// Without a record, the block is taken to continue from the one before
		// it.
		step := held{block: need - 1, prev: need - 1, gap: true}
		if i >= 0 && p.held[i].block == need-1 {
			step = p.held[i]
		}
		if step.prev > step.block {
			return laterPrev(step.block, step.prev)
		}
		way = append(way, step)
		need = step.prev
	}
	if need < p.line.last().next {
		n, ok := p.line.rewind(need)
		if !ok {
			return fmt.Errorf("%w: block %d continues from block %d, which was never rendered or is too far back",
				ErrInconsistent, b.Block, int64(need)-1)
		}
		p.res.Rewound += n
	}
	for _, step := range slices.Backward(way) {
		if step.gap {
			step.cutoff = p.line.last().cutoff
		}
		for len(p.held) > 0 && p.held[0].block < step.block {
			p.drop()
		}
		p.line.jump(step.block, step.cutoff, false, p.want)
		if step.gap {
			continue
		}
		if h := p.pop(); h.rec != nil {
			p.visit(h.rec, p.want)
			p.free = append(p.free, h.rec)
		}
	}
	return nil
}

func laterPrev(block, prev uint64) error {
	return fmt.Errorf("%w: block %d continues from block %d, which is not before it", ErrInconsistent, block, prev-1)
}

// hold keeps a lost block until the next delivered one shows whether it was
// rendered.
func (p *replay) hold(b *Block) {
	if p.whole == maxHeld {
		h := &p.held[len(p.held)-p.whole]
		p.visit(h.rec, nil)
		p.free = append(p.free, h.rec)
		h.rec = nil
		p.whole--
	}
	var rec *Block
	if n := len(p.free); n > 0 {
		rec, p.free = p.free[n-1], p.free[:n-1]
	} else {
		rec = &Block{}
	}
	sums, samples := append(rec.Sums[:0], b.Sums...), append(rec.Samples[:0], b.Samples...)
	*rec = *b
	rec.Sums, rec.Samples = sums, samples
	p.held = append(p.held, held{block: b.Block, prev: b.Prev, cutoff: b.Cutoff, rec: rec})
	p.whole++
}

// pop removes the first held block and returns it.
func (p *replay) pop() held {
	h := p.held[0]
	if h.rec != nil {
		p.whole--
	}
	p.held = p.held[1:]
	return h
}

// drop removes the first held block and visits it as one that was never
// rendered.
func (p *replay) drop() {
	if rec := p.pop().rec; rec != nil {
		p.visit(rec, nil)
		p.free = append(p.free, rec)
	}
}

// giveUp visits all held blocks as ones that were never rendered.
func (p *replay) giveUp() {
	for len(p.held) > 0 {
		p.drop()
	}
}

// compare compares a delivered block with the reference in p.want.
func (p *replay) compare(b *Block) {
	p.res.Compared += uint64(p.frames)
	same := func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) }
	if slices.EqualFunc(b.Samples, p.want, same) {
		return
	}
	for f := range p.frames {
		lo, hi := f*p.channels, (f+1)*p.channels
		if slices.EqualFunc(b.Samples[lo:hi], p.want[lo:hi], same) {
			continue
		}
		p.res.Differing++
		if p.res.FirstDiff != nil {
			continue
		}
		for c := lo; c < hi; c++ {
			if !same(b.Samples[c], p.want[c]) {
				p.res.FirstDiff = &Diff{
					Block: b.Block, Frame: b.Block*uint64(p.frames) + uint64(f), Channel: c - lo,
					Got: math.Float32bits(b.Samples[c]), Want: math.Float32bits(p.want[c]),
				}
				break
			}
		}
	}
}
