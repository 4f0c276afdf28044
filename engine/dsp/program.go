package dsp

import (
	"errors"
	"math"
	"strconv"
)

// Limits of a program. They keep a damaged encoding from demanding all of the
// machine's memory.
const (
	MaxWords       = 1 << 20 / 8                          // of the arena, 1 MiB
	MaxModuleWords = MaxWords - timedWords - limiterWords // of the arena, for modules
	MaxFrames      = 8192                                 // per block
	MaxRate        = 768000                               // Hz
	maxScratch     = 64 << 20                             // bytes of blocks between modules
)

// Op is one module of a program.
type Op struct {
	Kind   int   // wire id, an index into Kinds
	Inputs []int // indices into Program.Ops, each below the op's own
	Offset int   // index of its first arena word; set by New
}

// Program is a patch that is ready to run. New and Decode make one; its fields
// are for reading only.
type Program struct {
	Rate     int // Hz
	Frames   int // per block
	Channels int // 1
	Ops      []Op
	Out      int      // index of the op that is heard
	Initial  []uint64 // the arena before the first block
	Limit    float64  // magnitude of the largest sample, 0 for no limit; set by SetLimit

	params []*Param // by arena word; nil for state words
	timed  int      // the arena word where the modules end and the timed commands begin
	calls  []call   // by op

	ceiling float32 // Limit, rounded down
	keep    float64 // factor by which the limiter's peak decays per sample
	keepFar float64 // the same while the peak is far above the limit
}

// call is an op bound to its memory.
type call struct {
	step     step
	from, to int // arena words
	in       [][]float64
	out      []float64
}

// New makes a program for a sample rate in Hz and blocks of that many frames.
// It lays out the arena for ops, which are rendered in the order given, and
// fills Initial with the defaults of their kinds; Set on Initial changes them.
// out is the index of the op that is heard; every op is rendered, whether or
// not the heard one depends on it. There is no limit until SetLimit sets one.
// New takes ownership of ops.
func New(rate, frames int, ops []Op, out int) (*Program, error) {
	switch {
	case rate < 1 || rate > MaxRate:
		return nil, fail(outside("rate", rate, 1, MaxRate))
	case frames < 1 || frames > MaxFrames:
		return nil, fail(outside("frames", frames, 1, MaxFrames))
	case len(ops) == 0:
		return nil, fail("there are no modules")
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
			return nil, failOp(i, "the state is larger than "+strconv.Itoa(MaxModuleWords)+" words")
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

// bind assigns every op its memory.
func (p *Program) bind() error {
	buffer, n := p.assign()
	if n*p.Frames*8 > maxScratch {
		return fail("the blocks between modules need more than " + strconv.Itoa(maxScratch>>20) + " MiB")
	}
	scratch := make([]float64, n*p.Frames)
	block := func(op int) []float64 {
		from := buffer[op] * p.Frames
		return scratch[from : from+p.Frames : from+p.Frames]
	}
	p.calls = make([]call, len(p.Ops))
	for i, op := range p.Ops {
		k := &kinds[op.Kind]
		in := make([][]float64, len(op.Inputs))
		for j, from := range op.Inputs {
			in[j] = block(from)
		}
		p.calls[i] = call{step: k.step, from: op.Offset, to: op.Offset + k.Words(), in: in, out: block(i)}
	}
	return nil
}

// assign chooses one of n buffers for the output of each op. A buffer is reused
// once no op needs its contents, which keeps a large patch in the CPU's cache.
func (p *Program) assign() (buffer []int, n int) {
	last := make([]int, len(p.Ops)) // by op: the last op that reads its output
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
		// Inputs are freed only now, so that an op never writes to a buffer
		// that it still reads.
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

// Words returns the length of the arena in words.
func (p *Program) Words() int { return len(p.Initial) }

// Render renders one block: it advances st, which has Words words, by one block
// and writes Frames*Channels samples to out. A sample that is not finite leaves
// as 0, because there is no telling what a device makes of NaN. Render leaves
// timed commands alone; RenderBlock applies them. It is not safe for concurrent
// use, because the program's scratch is shared.
func (p *Program) Render(st []uint64, out []float32) { p.render(st, out[:p.Frames*p.Channels]) }

// render renders a block, or a part of one, of len(out) frames.
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

// Set sets the parameter at addr in st to its valid value nearest to v. If addr
// is not the address of a parameter or v is not finite, Set leaves st alone and
// returns false.
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
