package tape

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"chronus/engine/dsp"
)

// ErrInconsistent is wrapped when whole records contradict each other, so that no reference can be rendered from there
// on: a command out of order, a block that takes commands which the tape does not have, a state that never was.
var ErrInconsistent = errors.New("tape: inconsistent")

const (
	maxGap  = 1 << 16 // blocks that may be missing in one place; more is not a gap but another session
	maxHeld = 4096    // lost blocks that are kept whole for their visit
)

// Diff is a place where a delivered sample is not what the reference has.
type Diff struct {
	Block   uint64
	Frame   uint64 // absolute: Block*Frames + the frame within the block
	Channel int
	Got     uint32 // bits of the delivered float32
	Want    uint32 // bits of the reference's
}

func (d *Diff) String() string {
	return fmt.Sprintf("block %d, frame %d, channel %d: got %v (%08x), want %v (%08x)", d.Block, d.Frame, d.Channel,
		math.Float32frombits(d.Got), d.Got, math.Float32frombits(d.Want), d.Want)
}

// Result is what a replay found.
type Result struct {
	Blocks     uint64 // block records, lost and repeated ones included
	Commands   uint64 // command records
	Lost       uint64 // blocks flagged lost
	Compared   uint64 // frames compared with the reference: those of delivered blocks, once each
	Differing  uint64 // frames among them that differ in any bit
	FirstDiff  *Diff  // nil: none
	Gaps       uint64 // blocks due, from block 0 on to the last one recorded, that have no record
	Dups       uint64 // records of a block that was passed already; they are not compared
	Disagree   uint64 // blocks in which a non-zero Sums differs from Sum or from another
	Replicated uint64 // blocks with at least two non-zero Sums: those in which replicas could disagree at all
	Rewound    uint64 // delivered blocks whose state was given up, because a later block goes on from before them
}

// Replay renders the sealed commands of a tape again and compares what was delivered with it, bit by bit.
//
// Every delivered block takes the commands from the cutoff of the block that its state follows, Prev-1, up to its own
// Cutoff. Normally Prev equals Block. After an outage it is lower: the blocks in between were never rendered and the
// state goes on from before them. A lost block was rendered too late to be played, by its own Prev and Cutoff, unless the
// Prev of a later one leads around it. A block without a record (a gap) is taken as rendered without commands of its own,
// for want of its cutoff.
//
// visit, which may be nil, is called with every block record and the reference for it, Frames*Channels samples; both
// are valid during the call only. want is nil for a repeated block and for a lost one that was never rendered or that no
// delivered block follows. Whether a lost block was rendered shows only later, so its visit comes just before that of
// the next delivered block. (After more than 4096 lost blocks in a row the earliest are visited without waiting, with nil.)
//
// The result is complete up to the error, if there is one: that of the Reader (ErrUnfinished for a tape without an
// end), or one that wraps ErrInconsistent.
func Replay(r *Reader, prog *dsp.Program, visit func(b *Block, want []float32)) (*Result, error) {
	h := r.Header()
	if prog.Rate != h.Rate || prog.Frames != h.Frames || prog.Channels != h.Channels {
		return &Result{}, fmt.Errorf("%w: the program has %d Hz, %d frames, %d channels, the header %d, %d, %d",
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

type replay struct {
	frames   int
	channels int
	line     *timeline
	want     []float32
	visit    func(*Block, []float32)
	res      Result
	next     uint64 // block due
	cutoff   uint64 // of the last block record
	held     []held // lost blocks since the last delivered one
	whole    int    // those of held that have a rec come last, this many
	free     []*Block
}

// held is a lost block of which it is not known yet whether it was rendered.
type held struct {
	block  uint64
	prev   uint64
	cutoff uint64
	gap    bool   // it has no record at all
	rec    *Block // nil: visited already
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

func (p *replay) command(c *Command) error {
	if c.Index != p.line.seen() {
		return fmt.Errorf("%w: command %d where %d is due", ErrInconsistent, c.Index, p.line.seen())
	}
	p.line.command(c)
	p.res.Commands++
	return nil
}

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
		return fmt.Errorf("%w: block %d where %d is due", ErrInconsistent, b.Block, p.next)
	case b.Cutoff < p.cutoff:
		return fmt.Errorf("%w: block %d takes commands below %d, the block before it below %d", ErrInconsistent, b.Block, b.Cutoff, p.cutoff)
	case b.Cutoff > p.line.seen():
		return fmt.Errorf("%w: block %d takes commands below %d, the tape has %d so far", ErrInconsistent, b.Block, b.Cutoff, p.line.seen())
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

// reach brings the timeline to the moment that b goes on from. Its way there leads back over the lost blocks, each by its
// own Prev: one that was rendered too late for the listener is part of the state all the same, also where it was the first
// after an outage. Lost blocks that are not on the way were never rendered.
func (p *replay) reach(b *Block) error {
	need := b.Prev
	if need > b.Block {
		return fmt.Errorf("%w: block %d goes on from the later block %d", ErrInconsistent, b.Block, need-1)
	}
	var way []held // from the last to the first
	for i := len(p.held) - 1; need > p.line.last().next; {
		for i >= 0 && p.held[i].block >= need {
			i--
		}
		step := held{block: need - 1, prev: need - 1, gap: true} // no record: as if it had gone on from the block before
		if i >= 0 && p.held[i].block == need-1 {
			step = p.held[i]
		}
		if step.prev > step.block {
			return fmt.Errorf("%w: block %d goes on from the later block %d", ErrInconsistent, step.block, step.prev-1)
		}
		way = append(way, step)
		need = step.prev
	}
	if need < p.line.last().next {
		n, ok := p.line.rewind(need)
		if !ok {
			return fmt.Errorf("%w: block %d goes on from after block %d, which was never rendered or is too far back",
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

// hold keeps a lost block until it is known whether it was rendered.
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

// pop takes the first held block away.
func (p *replay) pop() held {
	h := p.held[0]
	if h.rec != nil {
		p.whole--
	}
	p.held = p.held[1:]
	return h
}

// drop visits the first held block as one that was never rendered.
func (p *replay) drop() {
	if rec := p.pop().rec; rec != nil {
		p.visit(rec, nil)
		p.free = append(p.free, rec)
	}
}

// giveUp visits the held blocks that were never rendered.
func (p *replay) giveUp() {
	for len(p.held) > 0 {
		p.drop()
	}
}

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
