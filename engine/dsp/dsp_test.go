package dsp

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// node is an op as tests write it, with its kind and parameters by name.
type node struct {
	kind   string
	in     []int
	params map[string]float64
}

// build makes a program in which the last node is heard.
func build(t testing.TB, rate, frames int, nodes ...node) *Program {
	t.Helper()
	var ops []Op
	for _, n := range nodes {
		ops = append(ops, Op{Kind: kindID(t, n.kind), Inputs: n.in})
	}
	p, err := New(rate, frames, ops, len(ops)-1)
	require.NoError(t, err)
	for i, n := range nodes {
		for name, v := range n.params {
			require.True(t, p.Set(p.Initial, address(t, p, i, name), v))
		}
	}
	return p
}

func kindID(t testing.TB, name string) int {
	t.Helper()
	id, ok := KindByName(name)
	require.True(t, ok, name)
	return id
}

// address returns the address of a parameter of an op.
func address(t testing.TB, p *Program, op int, param string) uint32 {
	t.Helper()
	i, ok := kinds[p.Ops[op].Kind].ParamIndex(param)
	require.True(t, ok, param)
	return uint32(p.Ops[op].Offset + i)
}

// render renders that many consecutive blocks, starting from st.
func render(p *Program, st []uint64, blocks int) []float32 {
	out := make([]float32, blocks*p.Frames)
	for b := range blocks {
		p.Render(st, out[b*p.Frames:(b+1)*p.Frames])
	}
	return out
}

func bitsOf(samples []float32) []uint32 {
	b := make([]uint32, len(samples))
	for i, x := range samples {
		b[i] = math.Float32bits(x)
	}
	return b
}

// randomProgram makes a program of n modules with random wiring and parameters.
func randomProgram(t testing.TB, r *rand.Rand, n int) *Program {
	t.Helper()
	var ops []Op
	for i := range n {
		op := Op{Kind: r.IntN(len(kinds))}
		if i == n-1 {
			op.Kind = kindID(t, "mix")
		}
		k := &kinds[op.Kind]
		if k.MinInputs > i {
			op.Kind, k = 0, &kinds[0]
		}
		for range min(k.MaxInputs, k.MinInputs+r.IntN(6)) {
			op.Inputs = append(op.Inputs, r.IntN(i))
		}
		ops = append(ops, op)
	}
	out := n - 1
	if r.IntN(2) == 0 {
		out = r.IntN(n) // the modules after this one must leave its block alone
	}
	p, err := New(44100, 64, ops, out)
	require.NoError(t, err)
	for addr := range p.params {
		randomSet(p, r, p.Initial, addr)
	}
	return p
}

// randomSet sets the parameter at addr, if there is one, to a value that
// neither silences nor drowns the rest.
func randomSet(p *Program, r *rand.Rand, st []uint64, addr int) {
	if q := p.params[addr]; q != nil {
		lo, hi := q.Range()
		p.Set(st, uint32(addr), max(lo, -1)+r.Float64()*(min(hi, 5000)-max(lo, -1)))
	}
}

// naive renders one block with a buffer for every op, to check the sharing of
// buffers, and returns what is heard before it is rounded.
func naive(p *Program, st []uint64) []float64 {
	outs := make([][]float64, len(p.Ops))
	for i, op := range p.Ops {
		k := &kinds[op.Kind]
		outs[i] = make([]float64, p.Frames)
		var in [][]float64
		for _, j := range op.Inputs {
			in = append(in, slices.Clone(outs[j]))
		}
		k.step(st[op.Offset:op.Offset+k.Words()], in, outs[i], uint64(p.Rate))
	}
	return outs[p.Out]
}
