package dsp

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// values must pass through a program without a changed bit.
var values = []float32{
	0, float32(math.Copysign(0, -1)), 1, -1, 0.1, -1.0 / 3, 16777215, 1e-42,
	-math.SmallestNonzeroFloat32, math.MaxFloat32, -math.MaxFloat32,
}

func TestConstIsExactlyItsParameter(t *testing.T) {
	p := build(t, 44100, 32, node{kind: "const"})
	st := append([]uint64(nil), p.Initial...)
	for _, v := range values {
		require.True(t, p.Set(st, 0, float64(v)))
		for _, x := range render(p, st, 1) {
			require.Equal(t, math.Float32bits(v), math.Float32bits(x), "%v", v)
		}
	}
	p.Set(st, 0, 0.1) // not a float32, so it is rounded, once
	require.Equal(t, float32(0.1), render(p, st, 1)[0])
}

func TestGainAndMixOfOneCarryEveryBit(t *testing.T) {
	p := build(t, 44100, 32, node{kind: "const"}, node{kind: "gain", in: []int{0}}, node{kind: "mix", in: []int{1}})
	for _, v := range values {
		p.Set(p.Initial, 0, float64(v))
		for _, x := range render(p, p.Initial, 1) {
			require.Equal(t, math.Float32bits(v), math.Float32bits(x), "%v", v)
		}
	}
}

func TestGain(t *testing.T) {
	tests := []struct {
		name, param string
		set, want   float64
	}{
		{"multiplies", "gain", 0.25, 0.75},
		{"inverts", "gain", -2, -6},
		{"mutes", "gain", 0, 0},
		{"is open at one half", "gate", 0.5, 3},
		{"is closed below one half", "gate", 0.49, 0},
		{"is closed at zero", "gate", 0, 0},
		{"does not scale by its gate", "gate", 0.9, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := build(t, 44100, 8, node{kind: "const", params: map[string]float64{"value": 3}},
				node{kind: "gain", in: []int{0}, params: map[string]float64{tt.param: tt.set}})
			for _, x := range render(p, p.Initial, 2) {
				require.Equal(t, float32(tt.want), x)
			}
		})
	}
}

func TestMix(t *testing.T) {
	c := func(v float64) node { return node{kind: "const", params: map[string]float64{"value": v}} }
	tests := []struct {
		name string
		in   []int
		gain float64
		want float64
	}{
		{"sums", []int{0, 1, 2}, 1, 111},
		{"counts an input as often as it is listed", []int{0, 0, 1, 0}, 1, 13},
		{"scales the sum", []int{1, 2}, 0.5, 55},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			mix := node{kind: "mix", in: tt.in, params: map[string]float64{"gain": tt.gain}}
			p := build(t, 44100, 8, c(1), c(10), c(100), mix)
			for _, x := range render(p, p.Initial, 2) {
				require.Equal(t, float32(tt.want), x)
			}
		})
	}
}

// The patch `heavy` relies on this.
func TestAMutedBankLeavesTheRestOfAMixUntouched(t *testing.T) {
	p := build(t, 44100, 32, node{kind: "noise"}, node{kind: "gain", in: []int{0}, params: map[string]float64{"gain": 0}},
		node{kind: "const"}, node{kind: "mix", in: []int{2, 1}})
	for _, v := range values {
		p.Set(p.Initial, address(t, p, 2, "value"), float64(v))
		for _, x := range render(p, p.Initial, 1) {
			require.Equal(t, v, x) // -0 may become 0
		}
	}
}
