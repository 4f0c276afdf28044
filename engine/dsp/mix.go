package dsp

var mixKind = Kind{
	Name:      "mix",
	Doc:       "The sum of its inputs, added in the order they are listed, times gain.",
	Params:    []Param{{Name: "gain", Default: 1, Min: -factor, Max: factor}},
	MinInputs: 1,
	MaxInputs: manyInputs,
	step:      stepMix,
}

func stepMix(w []uint64, in [][]float64, out []float64, _ uint64) {
	copy(out, in[0])
	for _, x := range in[1:] {
		for i, v := range x[:len(out)] {
			out[i] += v
		}
	}
	gain := value(w[0])
	for i := range out {
		out[i] *= gain
	}
}
