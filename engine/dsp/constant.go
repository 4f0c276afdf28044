package dsp

import "math"

var constKind = Kind{
	Name: "const",
	Doc:  "A constant: the parameter itself, which takes a command at once, exact and unsmoothed.",
	Params: []Param{
		// The range is everything that is still finite as a float32.
		{Name: "value", Doc: "every sample", Min: -math.MaxFloat32, Max: math.MaxFloat32},
	},
	step: stepConst,
}

func stepConst(w []uint64, _ [][]float64, out []float64, _ uint64) {
	v := value(w[0])
	for i := range out {
		out[i] = v
	}
}
