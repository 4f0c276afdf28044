package dsp

import "math"

var constKind = Kind{
	Name: "const",
	Doc:  "The parameter itself, exact and unsmoothed.",
	// Anything that is still finite as a float32.
	Params: []Param{{Name: "value", Min: -math.MaxFloat32, Max: math.MaxFloat32}},
	step:   stepConst,
}

func stepConst(w []uint64, _ [][]float64, out []float64, _ uint64) {
	v := value(w[0])
	for i := range out {
		out[i] = v
	}
}
