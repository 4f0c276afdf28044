package dsp

import (
	"math"
	"math/bits"
)

// Words of a sine.
const (
	sineFreq = iota
	sineAmp
	sinePhase // in units of 2^-64 of a turn
	sineRest  // the rest of it, in units of 2^-64/rate of a turn
	sineGlide // of amp
)

var sineKind = Kind{
	Name: "sine",
	Doc: "A sine wave, amp * sin(2 pi freq t), with phase 0 at the first sample. " +
		"The phase runs on when freq changes; amp follows a command within 10 ms.",
	Params: []Param{
		sineFreq: {Name: "freq", Doc: "frequency", Unit: "Hz", Default: 440, Min: 0, Max: 20000},
		sineAmp:  {Name: "amp", Doc: "amplitude", Default: 0.5, Min: -factor, Max: factor},
	},
	StateWords: 2 + glideWords,
	step:       stepSine,
}

// stepSine keeps the phase as a rational number, phase + rest/rate, in units of
// 2^-64 of a turn. Each sample adds exactly freq/rate of a turn, so the
// oscillator never drifts: at a whole number of Hz it is back in its initial
// state after every second. A change of frequency needs no glide, because it
// puts a corner into the wave but no step.
func stepSine(w []uint64, _ [][]float64, out []float64, rate uint64) {
	amp := value(w[sineAmp])
	phase, rest := w[sinePhase], w[sineRest]
	target, gliding := amp, !resting(w[sineGlide:], amp, factor)
	if gliding {
		amp = 1 // scale multiplies by the glide instead
	}
	turn, turnRest := perSample(value(w[sineFreq]), rate)
	for i := range out {
		out[i] = amp * sinTurn(phase)
		rest += turnRest
		// 1 if rest < rate. A branch here would often be mispredicted.
		_, below := bits.Sub64(rest, rate, 0)
		carry := 1 - below
		rest -= rate & -carry
		phase += turn + carry
	}
	w[sinePhase], w[sineRest] = phase, rest
	if gliding {
		scale(w[sineGlide:], target, rate, out)
	}
}

// perSample returns freq/rate of a turn, without whole turns, as
// turn + rest/rate in units of 2^-64 of a turn. freq is truncated to a multiple
// of 2^-64 Hz, which leaves a float64 above 2^-11 unchanged.
func perSample(freq float64, rate uint64) (turn, rest uint64) {
	whole := uint64(freq)
	fraction := uint64((freq - float64(whole)) * 0x1p64)
	return bits.Div64(whole%rate, fraction, rate)
}

// sinTurn returns the sine of phase/2^64 of a turn. Its error is below 3e-16,
// and it is exact at each quarter turn.
func sinTurn(phase uint64) float64 {
	// sin(pi - x) = sin x folds the second and third quarters onto the first
	// and fourth: half a turn minus phase, which is exact in integers. The two
	// top bits differ in exactly those quarters.
	fold := uint64(int64(phase^phase<<1) >> 63)
	phase = (phase ^ fold) + fold&(1<<63+1)

	// Now x is in [-pi/2, pi/2], where the Taylor series to x^21 is good to
	// 2e-18.
	x := float64(float64(int64(phase)) * (2 * math.Pi * 0x1p-64))
	z := x * x
	p := 1.0 / 51090942171709440000 // 21!
	p = float64(p*z) - 1.0/121645100408832000
	p = float64(p*z) + 1.0/355687428096000
	p = float64(p*z) - 1.0/1307674368000
	p = float64(p*z) + 1.0/6227020800
	p = float64(p*z) - 1.0/39916800
	p = float64(p*z) + 1.0/362880
	p = float64(p*z) - 1.0/5040
	p = float64(p*z) + 1.0/120
	p = float64(p*z) - 1.0/6
	return x + float64(float64(x*z)*p)
}
