package dsp

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// steps makes a program in which every sample is its one parameter, at address
// 0.
func steps(t testing.TB, frames int) *Program { return build(t, 44100, frames, node{kind: "const"}) }

// pending returns how many timed commands are pending in st.
func pending(p *Program, st []uint64) int { return waiting(st[p.timed:]) }

// renderBlocks renders that many consecutive blocks; the number of the first
// one is first.
func renderBlocks(p *Program, st []uint64, first, blocks int) []float32 {
	out := make([]float32, blocks*p.Frames)
	for b := range blocks {
		p.RenderBlock(st, uint64(first+b), out[b*p.Frames:(b+1)*p.Frames])
	}
	return out
}

func TestTimedCommandLandsOnItsFrame(t *testing.T) {
	type cmd struct {
		frame uint64
		v     float64
	}
	tests := []struct {
		name     string
		commands []cmd
	}{
		{"first frame", []cmd{{0, 1}}},
		{"last frame of a block", []cmd{{15, 1}}},
		{"first frame of a later block", []cmd{{32, 1}}},
		{"last frame", []cmd{{63, 1}}},
		{"beyond the last frame", []cmd{{64, 1}}},
		{"several in a block", []cmd{{17, 1}, {18, 2}, {25, 3}, {31, 4}}},
		{"sent in another order", []cmd{{40, 3}, {5, 1}, {63, 4}, {39, 2}}},
		{"the last one on a frame wins", []cmd{{20, 1}, {20, 2}, {20, 3}, {19, 9}}},
		{"every frame", func() (c []cmd) {
			for f := range uint64(64) {
				c = append(c, cmd{f, float64(f) + 1})
			}
			return c
		}()},
	}
	for _, tt := range tests {
		for _, frames := range []int{1, 16, 64} {
			t.Run(fmt.Sprint(tt.name, ", blocks of ", frames), func(t *testing.T) {
				p := steps(t, frames)
				for _, c := range tt.commands {
					require.True(t, p.Schedule(p.Initial, c.frame, 0, c.v))
				}
				sorted := slices.Clone(tt.commands)
				slices.SortStableFunc(sorted, func(a, b cmd) int { return int(a.frame) - int(b.frame) })
				want := make([]float32, 64)
				for _, c := range sorted {
					for i := int(c.frame); i < len(want); i++ {
						want[i] = float32(c.v)
					}
				}
				require.Equal(t, want, renderBlocks(p, p.Initial, 0, 64/frames))
				require.Zero(t, p.Late(p.Initial))
			})
		}
	}
}

func TestLateCommandActsAtOnceAndIsCounted(t *testing.T) {
	p := steps(t, 16)
	require.True(t, p.Schedule(p.Initial, 159, 0, 1)) // the last frame of block 9
	require.True(t, p.Schedule(p.Initial, 3, 0, 5))
	require.True(t, p.Schedule(p.Initial, 160, 0, 2)) // the first of block 10
	require.True(t, p.Schedule(p.Initial, 163, 0, 3))
	require.True(t, p.Schedule(p.Initial, math.MaxUint64, 0, 4))
	require.Equal(t, append([]float32{2, 2, 2}, slices.Repeat([]float32{3}, 13)...), renderBlocks(p, p.Initial, 10, 1))
	require.EqualValues(t, 2, p.Late(p.Initial))
	require.Equal(t, 1, pending(p, p.Initial))
	require.Equal(t, float32(3), renderBlocks(p, p.Initial, 11, 1)[15])
	require.EqualValues(t, 2, p.Late(p.Initial))
}

func TestScheduleRefusesWhatCannotBeSetAndWhatDoesNotFit(t *testing.T) {
	p := build(t, 44100, 16, node{kind: "sine"})
	for _, c := range []struct {
		addr uint32
		v    float64
	}{{2, 1}, {uint32(p.Words() - 1), 1}, {uint32(p.Words()), 1}, {math.MaxUint32, 1}, {0, math.NaN()}, {0, math.Inf(-1)}} {
		st := slices.Clone(p.Initial)
		require.False(t, p.Schedule(st, 5, c.addr, c.v), "%v", c)
		require.Equal(t, p.Initial, st)
	}
	st := slices.Clone(p.Initial)
	for i := range uint64(MaxTimed) {
		require.True(t, p.Schedule(st, 1000-i, 0, 1))
	}
	full := slices.Clone(st)
	require.False(t, p.Schedule(st, 5, 0, 1))
	require.Equal(t, full, st)
	renderBlocks(p, st, 1000/16, 1)
	require.Zero(t, pending(p, st))
	require.True(t, p.Schedule(st, 5, 0, 1))
}

func TestTimedValuesAreClamped(t *testing.T) {
	p := build(t, 44100, 16, node{kind: "sine"})
	require.True(t, p.Schedule(p.Initial, 0, 0, 1e9))
	renderBlocks(p, p.Initial, 0, 1)
	require.Equal(t, 20000.0, math.Float64frombits(p.Initial[0]))
}

// Once all commands have been applied, the words are those of a state that
// never had one.
func TestAppliedCommandsLeaveNoTrace(t *testing.T) {
	p := steps(t, 16)
	st := slices.Clone(p.Initial)
	for i := range uint64(100) {
		require.True(t, p.Schedule(st, i%48, 0, 0))
	}
	renderBlocks(p, st, 0, 3)
	require.Equal(t, p.Initial, st)
}

// scheduled is a timed command that is scheduled before the block that begins
// at frame at.
type scheduled struct {
	at    int
	frame int
	addr  uint32
	v     float64
}

// randomScript makes up to n commands for a render of so many frames, sorted by
// at, which is a multiple of grid. None of them is late, however the frames are
// cut into blocks that divide grid.
func randomScript(p *Program, r *rand.Rand, n, frames, grid int) (script []scheduled) {
	probe := slices.Clone(p.Initial)
	for range n {
		addr := r.IntN(len(p.params))
		if p.params[addr] == nil {
			continue
		}
		randomSet(p, r, probe, addr)
		s := scheduled{at: r.IntN(frames/grid) * grid, addr: uint32(addr), v: math.Float64frombits(probe[addr])}
		s.frame = s.at + r.IntN(6*grid)
		script = append(script, s)
	}
	slices.SortStableFunc(script, func(a, b scheduled) int { return a.at - b.at })
	return script
}

func TestAnyBlockSizeMakesTheSameBits(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	const total, grid = 2048, 64
	for round := range 30 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			p := randomProgram(t, r, 2+r.IntN(20))
			script := randomScript(p, r, 60, total, grid)
			var want []uint32
			for _, frames := range []int{64, 1, 2, 16, 32} {
				q, err := New(p.Rate, frames, slices.Clone(p.Ops), p.Out)
				require.NoError(t, err)
				require.NoError(t, q.SetLimit(float64(round%3)))
				copy(q.Initial, p.Initial)
				var got []float32
				rest := script
				out := make([]float32, frames)
				for b := range total / frames {
					for len(rest) > 0 && rest[0].at <= b*frames {
						require.True(t, q.Schedule(q.Initial, uint64(rest[0].frame), rest[0].addr, rest[0].v))
						rest = rest[1:]
					}
					q.RenderBlock(q.Initial, uint64(b), out)
					got = append(got, out...)
				}
				require.Zero(t, q.Late(q.Initial))
				if want == nil {
					want = bitsOf(got)
				}
				require.Equal(t, want, bitsOf(got), "blocks of %d", frames)
			}
		})
	}
}

func TestRenderBlockWithoutTimedCommandsIsRender(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 24))
	for range 20 {
		p := randomProgram(t, r, 1+r.IntN(20))
		a, b := slices.Clone(p.Initial), slices.Clone(p.Initial)
		require.Equal(t, bitsOf(render(p, a, 5)), bitsOf(renderBlocks(p, b, 7, 5)))
		require.Equal(t, a, b)
	}
}

func TestScheduleAndRenderBlockAllocateNothing(t *testing.T) {
	p := randomProgram(t, rand.New(rand.NewPCG(25, 26)), 20)
	st, out, block := slices.Clone(p.Initial), make([]float32, p.Frames), uint64(0)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for i := range uint64(8) {
			p.Schedule(st, block*uint64(p.Frames)+i*7, uint32(i), 0.5)
		}
		p.RenderBlock(st, block, out)
		block++
	}))
}

// A state comes from a ring, and a ring may be damaged.
func FuzzRenderBlockOfAnyState(f *testing.F) {
	// Two sources, their mix, and a chain of every kind that takes inputs.
	nodes := []node{{kind: "sine"}, {kind: "noise"}, {kind: "mix", in: []int{0, 1}}}
	for _, k := range Kinds() {
		if k.MinInputs > 0 {
			nodes = append(nodes, node{kind: k.Name, in: slices.Repeat([]int{len(nodes) - 1}, k.MinInputs)})
		}
	}
	p := build(f, 44100, 64, nodes...)
	require.NoError(f, p.SetLimit(1))
	seed := func(st []uint64) (b []byte) {
		for _, w := range st {
			b = binary.LittleEndian.AppendUint64(b, w)
		}
		return b
	}
	st := slices.Clone(p.Initial)
	f.Add(seed(st), uint64(0), uint64(5))
	for i := range uint64(MaxTimed) {
		p.Schedule(st, i*3, 0, 1)
	}
	f.Add(seed(st), uint64(3), uint64(1000))
	st[p.timed+countWord] = math.MaxUint64
	slices.Reverse(st[p.timed+entriesAt:])
	f.Add(seed(st), uint64(math.MaxUint64), uint64(math.MaxUint64))
	f.Fuzz(func(t *testing.T, b []byte, block, frame uint64) {
		st := make([]uint64, p.Words())
		for i := range st {
			if len(b) >= 8 {
				st[i], b = binary.LittleEndian.Uint64(b), b[8:]
			}
		}
		out := make([]float32, p.Frames)
		for i := range uint64(4) {
			p.Schedule(st, frame+i, uint32(i), 0.5)
			p.RenderBlock(st, block+i, out)
			for _, x := range out {
				require.True(t, x >= -1 && x <= 1, "%v", x)
			}
			require.LessOrEqual(t, st[p.timed+countWord], uint64(MaxTimed))
		}
	})
}

func BenchmarkRenderBlockWithTimedCommands(b *testing.B) {
	for _, n := range []int{0, 1, 16} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := build(b, 44100, 256, node{kind: "sine"})
			st, out, block := slices.Clone(p.Initial), make([]float32, p.Frames), uint64(0)
			b.ReportAllocs()
			for b.Loop() {
				for i := range n {
					p.Schedule(st, block*256+uint64(i*16+1), 0, 440)
				}
				p.RenderBlock(st, block, out)
				block++
			}
		})
	}
}
