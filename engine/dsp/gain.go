package dsp

// Words of a gain.
const (
	gainGain = iota
	gainGate
	gainGlide // of the gated gain
)

var gainKind = Kind{
	Name: "gain",
	Doc: "Its input times gain while the gate is open, otherwise silence. " +
		"Both parameters follow a command within 10 ms.",
	Params: []Param{
		gainGain: {Name: "gain", Doc: "factor", Default: 1, Min: -factor, Max: factor},
		gainGate: {Name: "gate", Doc: "open at 0.5 and above", Default: 1, Min: 0, Max: 1},
	},
	StateWords: glideWords,
	MinInputs:  1,
	MaxInputs:  1,
	step:       stepGain,
}

func stepGain(w []uint64, in [][]float64, out []float64, rate uint64) {
	gain, open := value(w[gainGain]), value(w[gainGate]) >= 0.5
	if !open {
		gain = 0
	}
	switch x := in[0][:len(out)]; {
	case !resting(w[gainGlide:], gain, factor):
		copy(out, x)
		scale(w[gainGlide:], gain, rate, out)
	case !open:
		clear(out)
	default:
		for i, x := range x {
			out[i] = x * gain
		}
	}
}
