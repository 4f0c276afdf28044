package dsp

import "math"

// A command changes a parameter at once, but what is heard glides to the new
// value, so that no command clicks. The glide is a low-pass of two equal poles.
// Unlike a linear ramp it has no corners: after a step its slope begins and
// ends at zero, and above 106 Hz the spectrum of what it multiplies falls by a
// further 12 dB per octave. A new target during a glide needs no special case,
// and two words hold all of it, without a counter. It covers 99 % of the way in
// 10 ms at any rate and block size, and ends exactly on the target.
const (
	glideTime = 0.0015  // s, time constant of each pole
	glideEnd  = 0x1p-24 // distance at which both poles snap to the target
)

// glideWords is the number of words of a glide in a module's state: the first
// pole and the second. They are stored as their complement, so that the zeros
// of an initial state decode to NaN. A glide that is not a number starts at
// rest on its target.
const glideWords = 2

// glide is a glide in progress: the outputs of its two poles, its target, and
// the fraction of the remaining way that a pole covers per sample.
type glide struct{ lag, level, target, k float64 }

// resting reports whether the glide in w has arrived at target. If w does not
// hold two numbers of magnitude limit at most, as in an initial or a damaged
// state, resting puts the glide on its target first.
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

// loadGlide returns the glide in w, on its way to target.
func loadGlide(w []uint64, target float64, rate uint64) glide {
	return glide{value(^w[0]), value(^w[1]), target, approach(1 / float64(glideTime*float64(rate)))}
}

// save stores the glide in w.
func (g *glide) save(w []uint64) {
	w[0], w[1] = ^math.Float64bits(g.lag), ^math.Float64bits(g.level)
}

// next advances the glide by a sample and returns its value.
func (g *glide) next() float64 {
	g.lag += float64((g.target - g.lag) * g.k)
	g.level += float64((g.lag - g.level) * g.k)
	if math.Abs(g.target-g.lag) < glideEnd && math.Abs(g.target-g.level) < glideEnd {
		g.lag, g.level = g.target, g.target
	}
	return g.level
}

// scale multiplies out by the glide in w, sample by sample.
func scale(w []uint64, target float64, rate uint64, out []float64) {
	g := loadGlide(w, target, rate)
	for i := range out {
		out[i] *= g.next()
	}
	g.save(w)
}
