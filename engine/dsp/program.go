package dsp

import (
	"errors"
	"math"
	"strconv"
)

// Limits of a program. They keep a damaged encoding from asking for the machine's memory.
const (
	MaxWords       = 1 << 20 / 8                          // arena, 1 MiB
	MaxModuleWords = MaxWords - timedWords - limiterWords // what the modules may have of it
	MaxFrames      = 8192                                 // a block
	MaxRate        = 768000                               // Hz
	maxScratch     = 64 << 20                             // bytes of blocks between modules
)

// Op is one module of a program.
type Op struct {
	Kind   int   // wire id, the index into Kinds
	Inputs []int // indices of ops, each below the op's own
	Offset int   // its first arena word; set by New
}

// Program is a patch ready to run. It is made by New or Decode; its fields are to be read only.
type Program struct {
	Rate     int // Hz
	Frames   int // a block
	Channels int // 1
	Ops      []Op
	Out      int      // the op that is heard
	Initial  []uint64 // the arena before the first block
	Limit    float64  // the largest sample to leave it, 0: any; set by SetLimit

	params []*Param // by arena word; nil for state words
	timed  int      // the arena word where the modules end and the timed commands begin
	calls  []call   // by op

	ceiling float32 // Limit, rounded down
	keep    float64 // of the limiter's peak from sample to sample
	keepFar float64 // the same while the peak is far over the limit
}

// call is an op bound to its memory.
type call struct {
	step     step
	from, to int // arena words
	in       [][]float64
	out      []float64
}

// New lays out the arena for ops, which are rendered in their order, and fills Initial with the kinds' defaults; Set on Initial
// changes them. The limit is off until SetLimit. It takes over ops. out is the index of the op that is heard; the others are rendered whether or not it is.
func New(rate, frames int, ops []Op, out int) (*Program, error) {
	switch {
	case rate < 1 || rate > MaxRate:
		return nil, fail(outside("rate", rate, 1, MaxRate))
	case frames < 1 || frames > MaxFrames:
		return nil, fail(outside("frames", frames, 1, MaxFrames))
	case out < 0 || out >= len(ops):
		return nil, fail(outside("output", out, 0, len(ops)-1))
	}
	words := 0
	for i := range ops {
		op := &ops[i]
		if op.Kind < 0 || op.Kind >= len(kinds) {
			return nil, failOp(i, outside("kind", op.Kind, 0, len(kinds)-1))
		}
		k := &kinds[op.Kind]
		if n := len(op.Inputs); n < k.MinInputs || n > k.MaxInputs {
			return nil, failOp(i, outside("number of inputs", n, k.MinInputs, k.MaxInputs))
		}
		for _, in := range op.Inputs {
			if in < 0 || in >= i {
				return nil, failOp(i, outside("input", in, 0, i-1))
			}
		}
		op.Offset = words
		words += k.Words()
		if words > MaxModuleWords {
			return nil, failOp(i, "the state is over "+strconv.Itoa(MaxModuleWords)+" words")
		}
	}
	p := &Program{
		Rate: rate, Frames: frames, Channels: 1, Ops: ops, Out: out,
		Initial: make([]uint64, words+timedWords+limiterWords),
		params:  make([]*Param, words),
		timed:   words,
	}
	for _, op := range ops {
		params := kinds[op.Kind].Params
		for i := range params {
			p.params[op.Offset+i] = &params[i]
			p.Initial[op.Offset+i] = math.Float64bits(params[i].Default)
		}
	}
	if err := p.bind(); err != nil {
		return nil, err
	}
	return p, nil
}

// bind gives every op its memory.
func (p *Program) bind() error {
	buffer, n := p.assign()
	if n*p.Frames*8 > maxScratch {
		return fail("blocks between modules take over " + strconv.Itoa(maxScratch>>20) + " MiB")
	}
	scratch := make([]float64, n*p.Frames)
	block := func(op int) []float64 {
		from := buffer[op] * p.Frames
		return scratch[from : from+p.Frames : from+p.Frames]
	}
	p.calls = make([]call, len(p.Ops))
	for i, op := range p.Ops {
		k := &kinds[op.Kind]
		c := call{step: k.step, from: op.Offset, to: op.Offset + k.Words(), out: block(i), in: make([][]float64, len(op.Inputs))}
		for j, in := range op.Inputs {
			c.in[j] = block(in)
		}
		p.calls[i] = c
	}
	return nil
}

// assign chooses a buffer for each op's output, out of n. A buffer is used again once nobody needs what is in it, which keeps a
// large patch in the processor's cache.
func (p *Program) assign() (buffer []int, n int) {
	last := make([]int, len(p.Ops)) // the last op that reads an op's output
	for i, op := range p.Ops {
		last[i] = i
		for _, in := range op.Inputs {
			last[in] = i
		}
	}
	last[p.Out] = len(p.Ops)

	buffer = make([]int, len(p.Ops))
	var free []int
	for i, op := range p.Ops {
		if len(free) > 0 {
			buffer[i], free = free[len(free)-1], free[:len(free)-1]
		} else {
			buffer[i] = n
			n++
		}
		// Only now: an op never writes to what it still reads.
		for _, in := range op.Inputs {
			if last[in] == i {
				free = append(free, buffer[in])
				last[in] = -1 // an op may list an input twice
			}
		}
		if last[i] == i {
			free = append(free, buffer[i])
		}
	}
	return buffer, n
}

// Words is the length of the arena.
func (p *Program) Words() int { return len(p.Initial) }

// Render makes one block: it moves st (of Words words) on by one block and writes out (Frames*Channels samples). A sample that is
// not finite leaves as 0: what a device makes of NaN is anyone's guess. Timed commands stay where they are, RenderBlock applies
// them. Not safe for concurrent use, as the scratch is shared.
func (p *Program) Render(st []uint64, out []float32) { p.render(st, out[:p.Frames*p.Channels]) }

// render makes a block or a part of one, of as many frames as out has.
func (p *Program) render(st []uint64, out []float32) {
	rate, n := uint64(p.Rate), len(out)
	for i := range p.calls {
		c := &p.calls[i]
		c.step(st[c.from:c.to:c.to], c.in, c.out[:n], rate)
	}
	heard := p.calls[p.Out].out[:n]
	if p.ceiling > 0 {
		p.limit(st, heard, out)
		return
	}
	for i, v := range heard {
		x := float32(v)
		if x-x != 0 { // NaN or infinite
			x = 0
		}
		out[i] = x
	}
}

// Set writes the value of a parameter that is nearest to v into st. It returns false and leaves st alone when addr is no parameter's word or
// v is not finite.
func (p *Program) Set(st []uint64, addr uint32, v float64) bool {
	if !p.settable(addr, v) {
		return false
	}
	st[addr] = math.Float64bits(p.params[addr].nearest(v))
	return true
}

func (p *Program) settable(addr uint32, v float64) bool {
	return int(addr) < len(p.params) && p.params[addr] != nil && v-v == 0
}

func fail(why string) error { return errors.New("dsp: " + why) }

func failOp(i int, why string) error { return fail("op " + strconv.Itoa(i) + ": " + why) }

func outside(what string, v, lo, hi int) string {
	return what + " " + strconv.Itoa(v) + " is not in " + strconv.Itoa(lo) + ".." + strconv.Itoa(hi)
}
