package dsp

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// whiteNoise returns the first n samples of a stream, at amplitude 1.
func whiteNoise(t *testing.T, seed float64, n int) []float64 {
	p := build(t, 44100, n, node{kind: "noise", params: map[string]float64{"amp": 1, "seed": seed}})
	return naive(p, p.Initial)
}

func correlation(a, b []float64) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab += a[i] * b[i]
		aa += a[i] * a[i]
		bb += b[i] * b[i]
	}
	return ab / math.Sqrt(aa*bb)
}

func TestNoiseOfSeedZeroIsTheReferenceStream(t *testing.T) {
	// The first outputs of Sebastiano Vigna's splitmix64.c from state 0.
	want := []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f, 0xf88bb8a8724c81ec}
	got := whiteNoise(t, 0, len(want))
	for i, z := range want {
		require.Equal(t, float64(int64(z)>>11)/(1<<52), got[i])
	}
}

func TestNoiseIsWhiteAndUniform(t *testing.T) {
	const n = MaxFrames
	for _, seed := range []float64{0, 1, 2, 12345, 1 << 53} {
		x := whiteNoise(t, seed, n)
		var sum, squares float64
		var histogram [16]float64
		for _, v := range x {
			require.True(t, v >= -1 && v < 1)
			sum += v
			squares += v * v
			histogram[int((v+1)*8)]++
		}
		// Five standard deviations. The streams are fixed, so this cannot fail
		// by chance.
		require.InDelta(t, 0, sum/n, 5*math.Sqrt(1.0/3/n), "mean")
		require.InDelta(t, 1.0/3, squares/n, 5*math.Sqrt(4.0/45/n), "power")
		for lag := 1; lag <= 64; lag++ {
			require.InDelta(t, 0, correlation(x[lag:], x[:n-lag]), 5/math.Sqrt(n), "lag %d", lag)
		}
		chi := 0.0
		for _, c := range histogram {
			chi += (c - n/16) * (c - n/16) / (n / 16)
		}
		require.Less(t, chi, 45.0, "chi squared, 15 degrees of freedom") // above 45, p < 1e-4
	}
}

func TestNoiseStreamsOfDifferentSeedsAreIndependent(t *testing.T) {
	for seed := range 20 {
		a, b := whiteNoise(t, float64(seed), MaxFrames), whiteNoise(t, float64(seed+1), MaxFrames)
		require.InDelta(t, 0, correlation(a, b), 5/math.Sqrt(MaxFrames))
		require.Equal(t, a, whiteNoise(t, float64(seed), MaxFrames))
	}
}

func TestNoiseSampleIsAFunctionOfSeedAndCountAlone(t *testing.T) {
	p := build(t, 44100, 64, node{kind: "noise", params: map[string]float64{"seed": 7}})
	want := render(p, append([]uint64(nil), p.Initial...), 3)

	st := append([]uint64(nil), p.Initial...)
	p.Set(st, address(t, p, 0, "seed"), 8)
	render(p, st, 2)
	p.Set(st, address(t, p, 0, "seed"), 7)
	require.Equal(t, bitsOf(want[2*64:]), bitsOf(render(p, st, 1)))
}
