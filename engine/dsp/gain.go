package dsp

var gainKind = Kind{
	Name: "gain",
	Doc:  "Its input times gain while the gate is open (0.5 or more), else silence.",
	Params: []Param{
		{Name: "gain", Default: 1, Min: -factor, Max: factor},
		{Name: "gate", Default: 1, Min: 0, Max: 1},
	},
	MinInputs: 1,
	MaxInputs: 1,
	step:      stepGain,
}

func stepGain(w []uint64, in [][]float64, out []float64, _ uint64) {
	gain, gate := value(w[0]), value(w[1])
	if !(gate >= 0.5) {
		clear(out)
		return
	}
	for i, x := range in[0][:len(out)] {
		out[i] = x * gain
	}
}
