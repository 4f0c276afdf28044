package dsp

import "math"

// Words of a filter.
const (
	filterFreq = iota
	filterQ
	filterMode
	filterGlides // of freq, of q, and of the shares of low-pass and high-pass

	// The two integrators.
	filterS1 = filterGlides + 4*glideWords
	filterS2 = filterS1 + 1
)

var filterKind = Kind{
	Name: "filter",
	Doc: "Its input through a second-order low-pass, high-pass or band-pass filter, 12 dB per octave; " +
		"the band-pass has a gain of 0 dB at freq. Every parameter follows a command within 10 ms.",
	Params: []Param{
		filterFreq: {Name: "freq", Doc: "cutoff or center frequency", Unit: "Hz", Default: 2000, Min: 1, Max: maxCutoff},
		filterQ:    {Name: "q", Doc: "resonance", Default: math.Sqrt2 / 2, Min: 0.1, Max: maxQ},
		filterMode: {Name: "mode", Doc: "response", Values: []string{"lowpass", "highpass", "bandpass"}},
	},
	StateWords: 4*glideWords + 2,
	MinInputs:  1,
	MaxInputs:  1,
	step:       stepFilter,
}

const (
	maxCutoff = 20000
	maxQ      = 100
	// maxPart is the highest cutoff as a fraction of the sample rate. At half
	// the sample rate the tangent in tune would be infinite.
	maxPart = 0.49
	// silence is the level below which an integrator is set to zero: far below
	// what can be heard, and far above the denormals, which are slow.
	silence = 1e-30
)

// stepFilter has the transfer functions LPF, HPF and BPF (constant 0 dB peak
// gain) of Robert Bristow-Johnson's "Audio EQ Cookbook", in the form of a state
// variable filter: Andrew Simper, "Linear Trapezoidal Integrated State Variable
// Filter" (Cytomic, 2013). A change of coefficients leaves the contents of its
// integrators alone, so a sweep makes no steps, and in this form every sweep is
// stable: Aaron Wishnick, "Time-Varying Filters for Musical Applications"
// (DAFx-14).
func stepFilter(w []uint64, in [][]float64, out []float64, rate uint64) {
	s1, s2 := value(w[filterS1]), value(w[filterS2])
	freq, q := value(w[filterFreq]), value(w[filterQ])
	low, high := 0.0, 0.0
	switch mode := value(w[filterMode]); {
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
		words := w[filterGlides+i*glideWords:][:glideWords]
		still = resting(words, targets[i], limit) && still
		glides[i] = loadGlide(words, targets[i], rate)
	}
	c := tune(freq, q, rate)
	for i, x := range in[0][:len(out)] {
		if !still {
			c = tune(glides[0].next(), glides[1].next(), rate)
			low, high = glides[2].next(), glides[3].next()
		}
		if x-x != 0 { // NaN or infinite, which would never leave the integrators
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
			glides[i].save(w[filterGlides+i*glideWords:])
		}
	}
	w[filterS1], w[filterS2] = math.Float64bits(s1), math.Float64bits(s2)
}

// tuning holds the coefficients under Simper's names.
type tuning struct{ k, a1, a2, a3 float64 }

// tune returns the coefficients for a cutoff of freq Hz and a resonance of q.
func tune(freq, q float64, rate uint64) tuning {
	if !(freq >= 1) { // or NaN
		freq = 1
	}
	if !(q >= 0.1) {
		q = 0.1
	}
	// The angle is pi*freq/rate: half a turn, 2^63, times part.
	part := min(freq/float64(rate), maxPart)
	angle := uint64(part * 0x1p63)
	g := sinTurn(angle) / sinTurn(angle+1<<62)
	k := 1 / min(q, maxQ)
	a1 := 1 / (1 + float64(g*(g+k)))
	a2 := g * a1
	return tuning{k, a1, a2, g * a2}
}
