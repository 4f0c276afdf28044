package dsp

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNewRefusesWhatItCannotRender(t *testing.T) {
	sine, gain, mix := kindID(t, "sine"), kindID(t, "gain"), kindID(t, "mix")
	one := []Op{{Kind: sine}}
	many := make([]Op, MaxModuleWords/6+1)
	wide := make([]Op, 1200, 1201)
	all := make([]int, len(wide))
	for i := range all {
		all[i] = i
	}
	wide = append(wide, Op{Kind: mix, Inputs: all})
	unknown := fmt.Sprintf("dsp: op 0: kind %d is not in 0..%d", len(kinds), len(kinds)-1)
	tests := []struct {
		name         string
		rate, frames int
		ops          []Op
		out          int
		want         string
	}{
		{"no rate", 0, 256, one, 0, "dsp: rate 0 is not in 1..768000"},
		{"rate too high", MaxRate + 1, 256, one, 0, "dsp: rate 768001 is not in 1..768000"},
		{"no frames", 44100, 0, one, 0, "dsp: frames 0 is not in 1..8192"},
		{"too many frames", 44100, MaxFrames + 1, one, 0, "dsp: frames 8193 is not in 1..8192"},
		{"no ops", 44100, 256, nil, 0, "dsp: there are no modules"},
		{"output out of range", 44100, 256, one, 1, "dsp: output 1 is not in 0..0"},
		{"unknown kind", 44100, 256, []Op{{Kind: len(kinds)}}, 0, unknown},
		{"input missing", 44100, 256, []Op{{Kind: gain}}, 0, "dsp: op 0: number of inputs 0 is not in 1..1"},
		{
			"too many inputs", 44100, 256,
			[]Op{{Kind: sine}, {Kind: sine, Inputs: []int{0}}},
			0,
			"dsp: op 1: number of inputs 1 is not in 0..0",
		},
		{
			"input is itself", 44100, 256,
			[]Op{{Kind: sine}, {Kind: gain, Inputs: []int{1}}},
			0,
			"dsp: op 1: input 1 is not in 0..0",
		},
		{"state too large", 44100, 256, many, 0, "dsp: op 21716: the state is larger than 130300 words"},
		{"scratch too large", 44100, MaxFrames, wide, 1200, "dsp: the blocks between modules need more than 64 MiB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := New(tt.rate, tt.frames, tt.ops, tt.out)
			require.Nil(t, p)
			require.EqualError(t, err, tt.want)
		})
	}
}

func TestArenaIsLaidOutInOrder(t *testing.T) {
	p := build(t, 44100, 16, node{kind: "sine", params: map[string]float64{"freq": 100}}, node{kind: "noise"},
		node{kind: "mix", in: []int{0, 1}})
	require.Equal(t, 6+5+3+timedWords+limiterWords, p.Words())
	require.Equal(t, []int{0, 6, 11}, []int{p.Ops[0].Offset, p.Ops[1].Offset, p.Ops[2].Offset})
	b := math.Float64bits
	require.Equal(t, []uint64{b(100), b(0.5), 0, 0, 0, 0, b(0.5), b(0), 0, 0, 0, b(1), 0, 0}, p.Initial[:14])
	require.Equal(t, make([]uint64, timedWords+limiterWords), p.Initial[14:])
}

func TestSet(t *testing.T) {
	p := build(t, 44100, 16, node{kind: "sine"}, node{kind: "gain", in: []int{0}}, node{kind: "filter", in: []int{1}})
	tests := []struct {
		name string
		addr uint32
		v    float64
		ok   bool
		want float64
	}{
		{"within the range", 0, 123.5, true, 123.5},
		{"above is clamped", 0, 1e9, true, 20000},
		{"below is clamped", 0, -3, true, 0},
		{"second module", 6, -1e300, true, -factor},
		{"second parameter", 7, 0.25, true, 0.25},
		{"named value", 12, 1, true, 1},
		{"nearest named value", 12, 1.5, true, 2},
		{"nearest named value below", 12, 0.49, true, 0},
		{"above the last named value", 12, 3, true, 2},
		{"below the first named value", 12, -3, true, 0},
		{"state word", 2, 1, false, 0},
		{"a pending command's word", 30, 1, false, 0},
		{"beyond the arena", uint32(p.Words()), 1, false, 0},
		{"far beyond the arena", math.MaxUint32, 1, false, 0},
		{"NaN", 0, math.NaN(), false, 0},
		{"infinite", 0, math.Inf(1), false, 0},
		{"minus infinite", 0, math.Inf(-1), false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			st := slices.Clone(p.Initial)
			require.Equal(t, tt.ok, p.Set(st, tt.addr, tt.v))
			want := slices.Clone(p.Initial)
			if tt.ok {
				want[tt.addr] = math.Float64bits(tt.want)
			}
			require.Equal(t, want, st)
		})
	}
}

func TestSamplesThatAreNotFiniteLeaveAsSilence(t *testing.T) {
	nodes := []node{{kind: "const", params: map[string]float64{"value": math.MaxFloat32}}}
	for i := range 120 {
		nodes = append(nodes, node{kind: "gain", in: []int{i}, params: map[string]float64{"gain": factor}})
	}
	last := len(nodes) - 1
	infinite := build(t, 44100, 16, nodes...)
	notANumber := build(t, 44100, 16, append(nodes, node{kind: "gain", in: []int{last}, params: map[string]float64{"gain": 0}})...)
	for _, p := range []*Program{infinite, notANumber} {
		require.False(t, naive(p, slices.Clone(p.Initial))[0] < math.MaxFloat64)
		require.Equal(t, make([]float32, 16), render(p, p.Initial, 1))
	}
}

func TestBuffersAreSharedOnlyWhenFree(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		p := randomProgram(t, r, 1+r.IntN(40))
		st, ref := slices.Clone(p.Initial), slices.Clone(p.Initial)
		for range 3 {
			got := render(p, st, 1)
			want := make([]float32, p.Frames)
			for i, v := range naive(p, ref) {
				want[i] = float32(v)
			}
			require.Equal(t, bitsOf(want), bitsOf(got))
		}
		require.Equal(t, ref, st)
	}
}

func TestAChainNeedsTwoBuffers(t *testing.T) {
	nodes := []node{{kind: "sine"}}
	for i := range 1000 {
		nodes = append(nodes, node{kind: "gain", in: []int{i}})
	}
	_, n := build(t, 44100, 256, nodes...).assign()
	require.Equal(t, 2, n)
}

// The heart of a failover: a worker that restores the state after any block and
// continues from it makes the same bits.
func TestRestoreAtEveryBlockContinuesBitForBit(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for round := range 20 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			p := randomProgram(t, r, 2+r.IntN(30))
			encoded := p.Encode()
			const blocks = 24

			// Some commands before each block, the same for every run.
			var seeds [blocks][2]uint64
			for b := range seeds {
				seeds[b] = [2]uint64{r.Uint64(), r.Uint64()}
			}
			commands := func(p *Program, st []uint64, b int) {
				c := rand.New(rand.NewPCG(seeds[b][0], seeds[b][1]))
				for range c.IntN(4) {
					randomSet(p, c, st, c.IntN(len(p.params)))
				}
				for range c.IntN(4) {
					frame := max(0, b*p.Frames+c.IntN(500)-50) // sometimes late
					p.Schedule(st, uint64(frame), uint32(c.IntN(len(p.params))), c.Float64())
				}
			}
			run := func(p *Program, st []uint64, from int, visit func(b int, st []uint64, out []float32)) {
				for b := from; b < blocks; b++ {
					commands(p, st, b)
					visit(b, st, renderBlocks(p, st, b, 1))
				}
			}

			var states [][]uint64
			var sound [][]float32
			run(p, slices.Clone(p.Initial), 0, func(_ int, st []uint64, out []float32) {
				states = append(states, slices.Clone(st))
				sound = append(sound, out)
			})
			for from := range blocks {
				fresh, err := Decode(encoded)
				require.NoError(t, err)
				st := fresh.Initial
				if from > 0 {
					st = slices.Clone(states[from-1])
				}
				run(fresh, st, from, func(b int, st []uint64, out []float32) {
					require.Equal(t, bitsOf(sound[b]), bitsOf(out))
					require.Equal(t, states[b], st)
				})
			}
		})
	}
}

func TestAnyBitsInTheArenaAreRenderedWithoutPanic(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	odd := []uint64{
		0, math.MaxUint64, 1 << 63, math.Float64bits(math.NaN()), math.Float64bits(math.Inf(-1)),
		math.Float64bits(-1e300), math.Float64bits(1e300),
	}
	for range 300 {
		p := randomProgram(t, r, 1+r.IntN(12))
		st := make([]uint64, p.Words())
		for i := range st {
			if st[i] = r.Uint64(); r.IntN(2) == 0 {
				st[i] = odd[r.IntN(len(odd))]
			}
		}
		for _, x := range render(p, st, 3) {
			require.True(t, x-x == 0, "%v", x)
		}
	}
}

func TestRenderPanicsOnAnArenaOrBlockThatIsTooShort(t *testing.T) {
	p := build(t, 44100, 16, node{kind: "sine"})
	require.Panics(t, func() { p.Render(make([]uint64, 3), make([]float32, 16)) })
	require.Panics(t, func() { p.Render(make([]uint64, p.Words()), make([]float32, 15)) })
	require.Panics(t, func() { p.RenderBlock(make([]uint64, 3), 0, make([]float32, 16)) })
	require.Panics(t, func() { p.RenderBlock(make([]uint64, p.Words()), 0, make([]float32, 15)) })
}

func TestRenderAndSetAllocateNothing(t *testing.T) {
	p := randomProgram(t, rand.New(rand.NewPCG(11, 12)), 50)
	st, out := slices.Clone(p.Initial), make([]float32, p.Frames)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for addr := range uint32(p.Words() + 1) {
			p.Set(st, addr, 0.5)
		}
		p.Set(st, 0, math.NaN())
		p.Render(st, out)
	}))
}

func BenchmarkStep(b *testing.B) {
	for _, k := range Kinds() {
		b.Run(k.Name, func(b *testing.B) {
			n := node{kind: k.Name}
			for i := range k.MinInputs {
				n.in = append(n.in, i)
			}
			p := build(b, 44100, 256, node{kind: "const"}, n)
			st, out := slices.Clone(p.Initial), make([]float32, p.Frames)
			b.ReportAllocs()
			b.SetBytes(int64(4 * p.Frames))
			for b.Loop() {
				p.Render(st, out)
			}
		})
	}
}

// BenchmarkMoving is a block of a module while a parameter of it moves.
func BenchmarkMoving(b *testing.B) {
	const forever = 60
	for name, n := range map[string]struct {
		node
		param string
		to    [2]float64
	}{
		"gain glide":      {node{kind: "gain"}, "gain", [2]float64{0.5, 1}},
		"sine glide":      {node{kind: "sine"}, "amp", [2]float64{0.5, 1}},
		"adsr attack":     {node{kind: "adsr", params: map[string]float64{"attack": forever}}, "gate", [2]float64{1, 1}},
		"adsr retrigger":  {node{kind: "adsr", params: map[string]float64{"attack": 0.001}}, "gate", [2]float64{1, 0}},
		"filter sweep":    {node{kind: "filter"}, "freq", [2]float64{200, 8000}},
		"filter switched": {node{kind: "filter"}, "mode", [2]float64{low, high}},
	} {
		b.Run(name, func(b *testing.B) {
			if n.kind != "sine" {
				n.in = []int{0}
			}
			p := build(b, 44100, 256, node{kind: "const"}, n.node)
			st, out, addr, i := slices.Clone(p.Initial), make([]float32, p.Frames), address(b, p, 1, n.param), 0
			b.ReportAllocs()
			for b.Loop() {
				p.Set(st, addr, n.to[i&1])
				p.Render(st, out)
				i++
			}
		})
	}
}
