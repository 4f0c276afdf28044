package dsp

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// limited makes a program of a const, whose value is at address 0, with a
// limit.
func limited(t testing.TB, limit float64) *Program {
	p := build(t, 44100, 64, node{kind: "const"})
	require.NoError(t, p.SetLimit(limit))
	return p
}

func TestWithinTheLimitNoBitChanges(t *testing.T) {
	r := rand.New(rand.NewPCG(51, 52))
	for range 50 {
		p := randomProgram(t, r, 1+r.IntN(20))
		free := slices.Clone(p.Initial)
		want := render(p, free, 20)
		loudest := 0.0
		for _, x := range want {
			loudest = max(loudest, math.Abs(float64(x)))
		}
		if loudest == 0 || loudest > MaxLimit {
			continue
		}
		require.NoError(t, p.SetLimit(loudest))
		st := slices.Clone(p.Initial)
		require.Equal(t, bitsOf(want), bitsOf(render(p, st, 20)))
		require.Equal(t, free, st)
		require.Zero(t, p.Limited(st))
	}
}

func TestFullScaleIsNotLimited(t *testing.T) {
	p := build(t, 44100, 256, node{kind: "sine", params: map[string]float64{"amp": 1}})
	require.NoError(t, p.SetLimit(1))
	want := render(p, slices.Clone(p.Initial), 200)
	require.NoError(t, p.SetLimit(0))
	require.Equal(t, bitsOf(render(p, slices.Clone(p.Initial), 200)), bitsOf(want))
}

func TestNoSampleExceedsTheLimit(t *testing.T) {
	r := rand.New(rand.NewPCG(53, 54))
	for _, limit := range []float64{1, 0.9, 0.1, 1e-3, 1000, 1e-50} {
		p := limited(t, limit)
		for range 300 {
			v := math.Ldexp(r.Float64()*2-1, r.IntN(140)-12)
			p.Set(p.Initial, 0, v)
			for _, x := range render(p, p.Initial, 1) {
				if limit > 1e-40 {
					require.LessOrEqual(t, math.Abs(float64(x)), limit, "%v", v)
				}
				require.LessOrEqual(t, float64(x), max(limit, 1.5e-45))
				require.False(t, v > 0 && x < 0 || v < 0 && x > 0)
			}
		}
		require.Positive(t, p.Limited(p.Initial))
	}
}

func TestTheGainDropsAtOnceAndRecoversSmoothly(t *testing.T) {
	p := limited(t, 1)
	p.Set(p.Initial, 0, 10) // 20 dB above the limit
	for _, x := range render(p, p.Initial, 1) {
		require.Equal(t, float32(1), x)
	}
	require.EqualValues(t, 64, p.Limited(p.Initial))

	p.Set(p.Initial, 0, 0.5)
	back, last := 0, 0.05
	for i, x := range render(p, p.Initial, 400) {
		// After t seconds the gain is 0.1 e^(t/0.2), until it reaches 1.
		want := 0.5 * min(1, 0.1*math.Exp(float64(i+1)/(0.2*44100)))
		require.InDelta(t, want, x, 1e-6)
		require.GreaterOrEqual(t, float64(x), last-1e-9)
		if last = float64(x); x < 0.5 {
			back = i + 1
		}
	}
	require.InDelta(t, 0.2*math.Ln10*44100, back, 2)
	require.InDelta(t, 64+back, p.Limited(p.Initial), 1)
	require.Zero(t, p.Initial[p.timed+timedWords+peakWord], "the peak leaves no trace")
}

// TestRecoveryIsBoundedHoweverAbsurdTheGainWas counts frames, not time: it
// holds at every rate.
func TestRecoveryIsBoundedHoweverAbsurdTheGainWas(t *testing.T) {
	for _, rate := range []int{8000, 44100, 192000} {
		for _, wild := range []float64{-math.MaxFloat32, 1000, 100} {
			p := build(t, rate, 64, node{kind: "const"})
			require.NoError(t, p.SetLimit(1))
			p.Set(p.Initial, 0, wild)
			require.Equal(t, float32(math.Copysign(1, wild)), render(p, p.Initial, 1)[0])
			p.Set(p.Initial, 0, 0.25)
			out := render(p, p.Initial, rate/64)
			// 40 dB at 434 dB/s and 20 dB at 43.4 dB/s.
			back := slices.Index(out, 0.25)
			require.Positive(t, back)
			require.LessOrEqual(t, back, rate*56/100, "%v at %d", wild, rate)
			heard := slices.IndexFunc(out, func(x float32) bool { return x >= 0.025 })
			require.LessOrEqual(t, heard, rate/10, "not near silence for longer than 0.1 s")
		}
	}
}

func TestWithoutALimitAnythingFinitePasses(t *testing.T) {
	p := limited(t, 0)
	p.Set(p.Initial, 0, math.MaxFloat32)
	require.Equal(t, float32(math.MaxFloat32), render(p, p.Initial, 1)[0])
	require.Zero(t, p.Limited(p.Initial))
}

func TestInvalidLimitsAreRefused(t *testing.T) {
	p := limited(t, 1)
	for _, v := range []float64{-1, 1001, math.NaN(), math.Inf(1)} {
		require.EqualError(t, p.SetLimit(v), "dsp: limit is out of range")
		require.Equal(t, 1.0, p.Limit)
	}
}

func TestADamagedLimiterStartsAfresh(t *testing.T) {
	p := limited(t, 1)
	p.Set(p.Initial, 0, 0.5)
	for _, peak := range []float64{math.NaN(), math.Inf(1), -5, 1e300, 0.5} {
		p.Initial[p.timed+timedWords+peakWord] = math.Float64bits(peak)
		require.Equal(t, float32(0.5), render(p, p.Initial, 1)[0], "%v", peak)
	}
}

func TestSamplesThatAreNotFiniteAreSilentUnderALimitToo(t *testing.T) {
	p := limited(t, 1)
	out := make([]float32, 4)
	p.limit(p.Initial, []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0.5}, out)
	require.Equal(t, []float32{0, 0, 0, 0.5}, out)
	require.Zero(t, p.Limited(p.Initial))
}
