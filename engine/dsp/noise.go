package dsp

// Words of a noise.
const (
	noiseAmp = iota
	noiseSeed
	noiseCount // samples made so far
	noiseGlide // of amp
)

var noiseKind = Kind{
	Name: "noise",
	Doc: "White noise, uniformly distributed in [-amp, amp), the same for the same seed. " +
		"amp follows a command within 10 ms.",
	Params: []Param{
		noiseAmp:  {Name: "amp", Doc: "amplitude", Default: 0.5, Min: -factor, Max: factor},
		noiseSeed: {Name: "seed", Doc: "its integer part selects the stream", Min: 0, Max: 1 << 53, Seed: true},
	},
	StateWords: 1 + glideWords,
	step:       stepNoise,
}

// stepNoise is SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom
// Number Generators", OOPSLA 2014), indexed by a counter: sample n of a stream
// is a function of seed and n alone, so the seed may change during playback.
func stepNoise(w []uint64, _ [][]float64, out []float64, rate uint64) {
	amp, key, n := value(w[noiseAmp]), mix64(uint64(value(w[noiseSeed]))), w[noiseCount]
	target, gliding := amp, !resting(w[noiseGlide:], amp, factor)
	if gliding {
		amp = 1 // scale multiplies by the glide instead
	}
	for i := range out {
		n++
		z := mix64(key + n*0x9e3779b97f4a7c15)
		// The top 53 bits as a signed fraction: exact.
		out[i] = amp * (float64(int64(z)>>11) * 0x1p-52)
	}
	w[noiseCount] = n
	if gliding {
		scale(w[noiseGlide:], target, rate, out)
	}
}

// mix64 is the finalizer of SplitMix64, a bijection. It maps 0 to 0, so seed 0
// is the stream of the reference implementation.
func mix64(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
