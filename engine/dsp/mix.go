package dsp

// Words of a mix.
const (
	mixGain  = iota
	mixGlide // of gain
)

var mixKind = Kind{
	Name: "mix",
	Doc: "The sum of its inputs, added in the order in which they are listed, times gain, " +
		"which follows a command within 10 ms.",
	Params: []Param{
		mixGain: {Name: "gain", Doc: "factor", Default: 1, Min: -factor, Max: factor},
	},
	StateWords: glideWords,
	MinInputs:  1,
	MaxInputs:  manyInputs,
	step:       stepMix,
}

func stepMix(w []uint64, in [][]float64, out []float64, rate uint64) {
	copy(out, in[0])
	for _, x := range in[1:] {
		for i, v := range x[:len(out)] {
			out[i] += v
		}
	}
	gain := value(w[mixGain])
	if !resting(w[mixGlide:], gain, factor) {
		scale(w[mixGlide:], gain, rate, out)
		return
	}
	for i := range out {
		out[i] *= gain
	}
}
