package dsp

import (
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

const low, high, band = 0.0, 1.0, 2.0

// biquad holds the coefficients of Robert Bristow-Johnson's "Audio EQ
// Cookbook", divided by a0.
type biquad struct{ b0, b1, b2, a1, a2 float64 }

// cookbook returns the coefficients of a filter as the cookbook gives them.
func cookbook(mode, freq, q, rate float64) biquad {
	w0 := 2 * math.Pi * freq / rate
	cos, alpha := math.Cos(w0), math.Sin(w0)/(2*q)
	a0 := 1 + alpha
	c := biquad{a1: -2 * cos / a0, a2: (1 - alpha) / a0}
	switch mode {
	case low:
		c.b0, c.b1, c.b2 = (1-cos)/2/a0, (1-cos)/a0, (1-cos)/2/a0
	case high:
		c.b0, c.b1, c.b2 = (1+cos)/2/a0, -(1+cos)/a0, (1+cos)/2/a0
	case band: // constant 0 dB peak gain
		c.b0, c.b2 = alpha/a0, -alpha/a0
	}
	return c
}

// at returns the transfer function at f Hz.
func (c biquad) at(f, rate float64) complex128 {
	z := cmplx.Exp(complex(0, -2*math.Pi*f/rate))
	return (complex(c.b0, 0) + complex(c.b1, 0)*z + complex(c.b2, 0)*z*z) /
		(1 + complex(c.a1, 0)*z + complex(c.a2, 0)*z*z)
}

// response returns the value at f Hz of the transfer function whose impulse
// response is h.
func response(h []float64, f, rate float64) complex128 {
	sum := complex(0, 0)
	for n, x := range h {
		sum += complex(x, 0) * cmplx.Exp(complex(0, -2*math.Pi*f*float64(n)/rate))
	}
	return sum
}

// filtered makes a program of a filter whose input is a const at address 0,
// which tests set to feed it.
func filtered(t testing.TB, rate, frames int, mode, freq, q float64) *Program {
	return build(t, rate, frames, node{kind: "const"},
		node{kind: "filter", in: []int{0}, params: map[string]float64{"mode": mode, "freq": freq, "q": q}})
}

// impulse returns n samples of the response to 1, 0, 0 and so on.
func impulse(p *Program, n int) []float64 {
	st := slices.Clone(p.Initial)
	var y []float64
	for len(y) < n {
		p.Set(st, 0, 0)
		if len(y) == 0 {
			p.Set(st, 0, 1)
		}
		y = append(y, naive(p, st)...)
	}
	return y
}

func TestFilterIsTheDifferenceEquationOfTheCookbook(t *testing.T) {
	check := func(t *testing.T, mode, freq, q float64, rate int) {
		c := cookbook(mode, freq, q, float64(rate))
		x, y := [3]float64{}, [3]float64{}
		for i, got := range impulse(filtered(t, rate, 1, mode, freq, q), 3000) {
			x = [3]float64{0, x[0], x[1]}
			if i == 0 {
				x[0] = 1
			}
			y = [3]float64{c.b0*x[0] + c.b1*x[1] + c.b2*x[2] - c.a1*y[0] - c.a2*y[1], y[0], y[1]}
			require.InDelta(t, y[0], got, 1e-9, "sample %d", i)
		}
	}
	for _, mode := range []float64{low, high, band} {
		name := filterKind.Params[filterMode].Values[int(mode)]
		for _, freq := range []float64{20, 440, 2000, 15000, 20000} {
			for _, q := range []float64{0.1, math.Sqrt2 / 2, 5, 100} {
				for _, rate := range []int{44100, 96000} {
					t.Run(fmt.Sprint(name, " ", freq, " q ", q, " at ", rate), func(t *testing.T) {
						check(t, mode, freq, q, rate)
					})
				}
			}
		}
	}
}

func TestFilterHasTheFrequencyResponseOfTheCookbook(t *testing.T) {
	for _, mode := range []float64{low, high, band} {
		for _, freq := range []float64{440, 2000, 15000} {
			const rate, q = 44100, 3
			h := impulse(filtered(t, rate, 1, mode, freq, q), 8000)
			for f := 10.0; f < rate/2; f *= 1.3 {
				want, got := cookbook(mode, freq, q, rate).at(f, rate), response(h, f, rate)
				require.InDelta(t, cmplx.Abs(want), cmplx.Abs(got), 1e-9, "%v Hz", f)
				require.InDelta(t, 0, cmplx.Abs(want-got), 1e-9, "%v Hz", f)
			}
		}
	}
}

// The gain of each mode at 0 Hz, at its frequency, and at half the sample rate.
func TestFilterPassesTheBandOfItsMode(t *testing.T) {
	const rate, freq, q = 44100, 1000, 2
	for mode, want := range map[float64][3]float64{low: {1, q, 0}, high: {0, q, 1}, band: {0, 1, 0}} {
		h := impulse(filtered(t, rate, 1, mode, freq, q), 20000)
		for i, f := range []float64{0, freq, rate / 2} {
			require.InDelta(t, want[i], cmplx.Abs(response(h, f, rate)), 1e-9, "mode %v at %v Hz", mode, f)
		}
	}
}

func TestFilterAboveHalfTheRateStaysStable(t *testing.T) {
	for _, rate := range []int{1, 8000, 22050} {
		p := filtered(t, rate, 64, low, 20000, 100)
		p.Set(p.Initial, 0, 1)
		x := render(p, p.Initial, 1000)
		require.InDelta(t, 1, x[len(x)-1], 1e-3)
	}
}

// Commands to every parameter, in every block: the output stays within what the
// filter can make of its input.
func TestFilterSweepsNeverRunAway(t *testing.T) {
	const rate = 44100
	r := rand.New(rand.NewPCG(41, 42))
	p := build(t, rate, 64, node{kind: "sine", params: map[string]float64{"freq": 110, "amp": 1}},
		node{kind: "filter", in: []int{0}})
	for i := range 4000 {
		p.Set(p.Initial, address(t, p, 1, "freq"), math.Exp(r.Float64()*math.Log(20000)))
		p.Set(p.Initial, address(t, p, 1, "q"), 0.1+r.Float64()*2)
		p.Set(p.Initial, address(t, p, 1, "mode"), float64(r.IntN(3)))
		for _, x := range render(p, p.Initial, 1) {
			require.Less(t, math.Abs(float64(x)), 20.0, "block %d", i)
		}
	}
	// Afterwards it is the same filter as before.
	for name, v := range map[string]float64{"freq": 110, "q": 1, "mode": band} {
		p.Set(p.Initial, address(t, p, 1, name), v)
	}
	render(p, p.Initial, 2000)
	top := 0.0
	for _, x := range render(p, p.Initial, 100) {
		top = max(top, math.Abs(float64(x)))
	}
	require.InDelta(t, 1, top, 1e-4)
}

func TestOneCommandToAFilterMakesNoStep(t *testing.T) {
	const rate = 44100
	slope := 2 * math.Pi * 220 / rate // of a sine of amplitude 1
	for _, c := range []struct {
		param    string
		from, to float64
		mode     float64
	}{
		{"freq", 200, 8000, low},
		{"freq", 8000, 200, low},
		{"freq", 200, 8000, band},
		{"q", 0.2, 50, band},
		{"q", 10, 0.5, high},
		{"mode", low, high, low},
		{"mode", high, low, high},
		{"mode", low, band, low},
		{"mode", band, high, band},
	} {
		p := build(t, rate, 64, node{kind: "sine", params: map[string]float64{"freq": 220, "amp": 1}},
			node{kind: "filter", in: []int{0}, params: map[string]float64{"freq": 220, "q": 1, "mode": c.mode}})
		p.Set(p.Initial, address(t, p, 1, c.param), c.from)
		render(p, p.Initial, 400)
		loud, steep, last := 1.0, slope, 0.0
		for i, x := range render(p, p.Initial, 40) {
			loud = max(loud, math.Abs(float64(x)))
			if i > 0 {
				steep = max(steep, math.Abs(float64(x)-last))
			}
			last = float64(x)
		}
		p.Set(p.Initial, address(t, p, 1, c.param), c.to)
		for i, x := range render(p, p.Initial, 40) {
			// Of the order of the slope of the sound itself plus a glide over
			// its whole range. Without glides a step is several times as large.
			require.Less(t, math.Abs(float64(x)-last), 3*(steep+loud/(math.E*glideTime*rate)), "%v, sample %d", c, i)
			last = float64(x)
		}
	}
}

func TestFilterRecoversFromSamplesThatAreNotFinite(t *testing.T) {
	p := filtered(t, 44100, 1, low, 2000, 1)
	k := &kinds[p.Ops[1].Kind]
	w := p.Initial[p.Ops[1].Offset:][:k.Words()]
	out := []float64{0}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		k.step(w, [][]float64{{bad}}, out, 44100)
		require.Zero(t, out[0]-out[0])
		for _, i := range []int{filterS1, filterS2} {
			k.step(w, [][]float64{{1}}, out, 44100)
			w[i] = math.Float64bits(bad)
			k.step(w, [][]float64{{1}}, out, 44100)
			require.Zero(t, out[0]-out[0])
			k.step(w, [][]float64{{1}}, out, 44100)
			require.Zero(t, out[0]-out[0])
			require.Zero(t, value(w[i])-value(w[i]))
		}
	}
	k.step(w, [][]float64{{math.MaxFloat64}}, out, 44100)
	for range 3000 {
		k.step(w, [][]float64{{1}}, out, 44100)
		require.Zero(t, out[0]-out[0])
	}
}

// Denormal numbers are slow, and a sound that fades exponentially would stay
// denormal for a long time.
func TestFilterFadesToExactlyZero(t *testing.T) {
	for _, mode := range []float64{low, high, band} {
		p := filtered(t, 44100, 64, mode, 500, 5)
		p.Set(p.Initial, 0, 1)
		render(p, p.Initial, 100)
		p.Set(p.Initial, 0, 0)
		render(p, p.Initial, 2000)
		w := p.Initial[p.Ops[1].Offset:]
		require.Zero(t, w[filterS1])
		require.Zero(t, w[filterS2])
		require.Equal(t, make([]float32, 64), render(p, p.Initial, 1))
	}
}
