package dsp

import "math"

var filterKind = Kind{
	Name: "filter",
	Doc: "A low-pass, high-pass or band-pass filter of second order, 12 dB an octave; band-pass is 0 dB at freq. " +
		"Every parameter follows a command within 10 ms.",
	Params: []Param{
		{Name: "freq", Unit: "Hz", Default: 2000, Min: 1, Max: maxCutoff},
		{Name: "q", Default: math.Sqrt2 / 2, Min: 0.1, Max: maxQ},
		{Name: "mode", Values: []string{"lowpass", "highpass", "bandpass"}},
	},
	StateWords: 4*glideWords + 2, // of freq, of q, of the share of low-pass and of high-pass; the two integrators
	MinInputs:  1,
	MaxInputs:  1,
	step:       stepFilter,
}

const (
	maxCutoff = 20000
	maxQ      = 100
	// maxPart of the sample rate is as high as a cut-off goes; at half of it the tangent is infinite.
	maxPart = 0.49
	// silence is where an integrator stops: far below what is heard and far above where numbers get slow.
	silence = 1e-30
)

// stepFilter has the transfer functions of Robert Bristow-Johnson's "Audio EQ Cookbook" (LPF, HPF and BPF with a constant peak of
// 0 dB), in the form of a state variable filter: Andrew Simper, "Linear Trapezoidal Integrated State Variable Filter" (Cytomic, 2013).
// Its integrators hold what they hold whatever the coefficients do, so a sweep makes no steps, and with this form any sweep stays
// stable: Aaron Wishnick, "Time-Varying Filters for Musical Applications" (DAFx-14).
func stepFilter(w []uint64, in [][]float64, out []float64, rate uint64) {
	s1, s2 := value(w[11]), value(w[12])
	freq, q := value(w[0]), value(w[1])
	low, high := 0.0, 0.0
	switch mode := value(w[2]); {
	case mode >= 1.5: // band
	case mode >= 0.5:
		high = 1
	default:
		low = 1
	}
	targets := [4]float64{freq, q, low, high}
	var glides [4]glide
	still := true
	for i, limit := range [4]float64{maxCutoff, maxQ, 1, 1} {
		words := w[3+i*glideWords:][:glideWords]
		still = resting(words, targets[i], limit) && still
		glides[i] = loadGlide(words, targets[i], rate)
	}
	c := tune(freq, q, rate)
	for i, x := range in[0][:len(out)] {
		if !still {
			c = tune(glides[0].next(), glides[1].next(), rate)
			low, high = glides[2].next(), glides[3].next()
		}
		if x-x != 0 { // NaN or infinite, which would stay for good
			x = 0
		}
		v3 := x - s2
		v1 := float64(c.a1*s1) + float64(c.a2*v3)
		v2 := s2 + float64(c.a2*s1) + float64(c.a3*v3)
		s1 = v1 + v1 - s1
		s2 = v2 + v2 - s2
		if math.Abs(s1) < silence {
			s1 = 0
		}
		if math.Abs(s2) < silence {
			s2 = 0
		}
		band := float64(c.k * v1)
		y := float64(low*v2) + float64(high*(x-band-v2)) + float64((1-low-high)*band)
		if y-y != 0 {
			y, s1, s2 = 0, 0, 0
		}
		out[i] = y
	}
	if !still {
		for i := range glides {
			glides[i].save(w[3+i*glideWords:])
		}
	}
	w[11], w[12] = math.Float64bits(s1), math.Float64bits(s2)
}

// tuning is the coefficients in Simper's names.
type tuning struct{ k, a1, a2, a3 float64 }

func tune(freq, q float64, rate uint64) tuning {
	if !(freq >= 1) { // also if it is no number
		freq = 1
	}
	if !(q >= 0.1) {
		q = 0.1
	}
	// The angle is pi*freq/rate, half a turn times the part.
	part := min(freq/float64(rate), maxPart)
	angle := uint64(part * 0x1p63)
	g := sinTurn(angle) / sinTurn(angle+1<<62)
	k := 1 / min(q, maxQ)
	a1 := 1 / (1 + float64(g*(g+k)))
	a2 := g * a1
	return tuning{k, a1, a2, g * a2}
}
