package dsp

import "math"

// A command moves a parameter at once; what is heard follows it in a glide, so that no command clicks. The glide is a low-pass of
// two equal poles. Unlike a straight ramp it has no corners (after a step its slope begins and ends at zero, and the spectrum of
// what it multiplies falls by 12 dB an octave more above 106 Hz), a new target while it moves is nothing special, and it needs no
// counter: two words. 99 % of the way takes 10 ms at any rate and block size. It then ends on the target exactly.
const (
	glideTime = 0.0015 // s, of each pole
	glideEnd  = 0x1p-24
)

// glideWords in a module's state: the first pole, the second. They are kept as their complement, so that the zeros of an initial
// state are no numbers; what is none begins on the target.
const glideWords = 2

// glide is one on its way.
type glide struct{ lag, level, target, k float64 }

// resting says whether the glide in w has arrived at target. If w holds nothing sensible, nothing of at most the size limit, it
// has from now on.
func resting(w []uint64, target, limit float64) bool {
	there := ^math.Float64bits(target)
	if w[0] == there && w[1] == there {
		return true
	}
	sensible := func(word uint64) bool { return math.Abs(value(^word)) <= limit }
	if sensible(w[0]) && sensible(w[1]) {
		return false
	}
	rest(w, target)
	return true
}

// rest puts the glide in w on target.
func rest(w []uint64, target float64) {
	w[0], w[1] = ^math.Float64bits(target), ^math.Float64bits(target)
}

// loadGlide reads the glide in w.
func loadGlide(w []uint64, target float64, rate uint64) glide {
	return glide{value(^w[0]), value(^w[1]), target, approach(1 / float64(glideTime*float64(rate)))}
}

func (g *glide) save(w []uint64) {
	w[0], w[1] = ^math.Float64bits(g.lag), ^math.Float64bits(g.level)
}

// next is the value for the next sample.
func (g *glide) next() float64 {
	g.lag += float64((g.target - g.lag) * g.k)
	g.level += float64((g.lag - g.level) * g.k)
	if math.Abs(g.target-g.lag) < glideEnd && math.Abs(g.target-g.level) < glideEnd {
		g.lag, g.level = g.target, g.target
	}
	return g.level
}

// scale multiplies out by the glide in w.
func scale(w []uint64, target float64, rate uint64, out []float64) {
	g := loadGlide(w, target, rate)
	for i := range out {
		out[i] *= g.next()
	}
	g.save(w)
}
