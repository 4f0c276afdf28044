package dsp

import "math"

// Words of an adsr.
const (
	adsrAttack = iota
	adsrDecay
	adsrSustain
	adsrRelease
	adsrGate
	adsrStage
	adsrLevel
	adsrGlide // of sustain
)

var adsrKind = Kind{
	Name: "adsr",
	Doc: "Its input times an envelope. When the gate opens, the level rises from silence to 1 " +
		"within attack and then falls to sustain at the speed of decay; when the gate closes, " +
		"it falls to silence within release. If the gate opens again during the release, " +
		"the level rises from where it is.",
	Params: []Param{
		adsrAttack:  segment("attack", "time of a rise from 0 to 1", 0.01),
		adsrDecay:   segment("decay", "time of a fall from 1 to 0", 0.2),
		adsrSustain: {Name: "sustain", Doc: "level while the gate stays open", Default: 0.6, Min: 0, Max: 1},
		adsrRelease: segment("release", "time of a fall from 1 to 0", 0.4),
		adsrGate:    {Name: "gate", Doc: "open at 0.5 and above", Default: 0, Min: 0, Max: 1},
	},
	StateWords: 2 + glideWords,
	MinInputs:  1,
	MaxInputs:  1,
	step:       stepADSR,
}

const (
	minSegment = 0.001 // s; anything shorter clicks
	maxSegment = 60    // s
)

// segment describes the parameter that holds the time of a segment in seconds.
func segment(name, doc string, seconds float64) Param {
	return Param{Name: name, Doc: doc, Unit: "s", Default: seconds, Min: minSegment, Max: maxSegment}
}

// Stages of an envelope.
const (
	stageIdle = iota
	stageAttack
	stageDecay
	stageSustain
	stageRelease
)

// The envelope is that of Nigel Redmon, "Envelope generators - ADSR code"
// (EarLevel Engineering, 2013), with the same curves. A segment is an
// exponential, like the charge of a capacitor, which aims beyond its end so
// that it gets there in finite time. The attack aims at 1.3, which makes it
// nearly straight; the other segments aim 80 dB below their end. As in the
// original, decay and release are the times of a fall from 1 to 0, and a
// shorter fall takes less: from 1 to a sustain of 0.6, 90 % of decay.
const (
	attackBeyond = 0.3
	fallBeyond   = 0.0001
	attackSpan   = 1.4663370687934272 // time constants of an attack, ln((1+0.3)/0.3)
	fallSpan     = 9.210440366976517  // time constants of a fall, ln((1+0.0001)/0.0001)
)

func stepADSR(w []uint64, in [][]float64, out []float64, rate uint64) {
	stage, level, sustain := w[adsrStage], value(w[adsrLevel]), value(w[adsrSustain])
	if stage > stageRelease || !(level >= 0 && level <= 1) {
		stage, level = stageIdle, 0
	}
	if !(sustain >= 0 && sustain <= 1) {
		sustain = 0
	}
	switch open := value(w[adsrGate]) >= 0.5; {
	case open && (stage == stageIdle || stage == stageRelease):
		stage = stageAttack
	case !open && stage != stageIdle:
		stage = stageRelease
	}
	if stage != stageDecay && stage != stageSustain {
		rest(w[adsrGlide:], sustain) // a glide would not be heard in these stages
	}
	resting := resting(w[adsrGlide:], sustain, 1)
	g := loadGlide(w[adsrGlide:], sustain, rate)

	x := in[0][:len(out)]
	for i := 0; i < len(out); {
		// Each stage writes its samples and leaves i where the next one begins.
		switch stage {
		case stageAttack:
			k := pace(attackSpan, w[adsrAttack], rate)
			for ; i < len(out) && stage == stageAttack; i++ {
				level += float64((1 + attackBeyond - level) * k)
				if level >= 1 {
					level, stage = 1, stageDecay
				}
				out[i] = x[i] * level
			}
		case stageDecay:
			k := pace(fallSpan, w[adsrDecay], rate)
			for ; i < len(out) && stage == stageDecay; i++ {
				s := g.next()
				level -= float64((level - s + fallBeyond) * k)
				if level <= s {
					level, stage = s, stageSustain
				}
				out[i] = x[i] * level
			}
		case stageSustain:
			if resting {
				level = sustain
				for ; i < len(out); i++ {
					out[i] = x[i] * level
				}
			}
			for ; i < len(out); i++ {
				level = g.next()
				out[i] = x[i] * level
			}
		case stageRelease:
			k := pace(fallSpan, w[adsrRelease], rate)
			for ; i < len(out) && stage == stageRelease; i++ {
				level -= float64((level + fallBeyond) * k)
				if level <= 0 {
					level, stage = 0, stageIdle
				}
				out[i] = x[i] * level
			}
		default:
			clear(out[i:])
			i = len(out)
		}
	}
	g.save(w[adsrGlide:])
	w[adsrStage], w[adsrLevel] = stage, math.Float64bits(level)
}

// pace returns the fraction of the remaining way that a segment covers per
// sample if it spans so many time constants. seconds is the word of the
// parameter that holds the segment's length.
func pace(span float64, seconds, rate uint64) float64 {
	s := value(seconds)
	if !(s >= minSegment) { // or NaN
		s = minSegment
	}
	return approach(span / float64(min(s, maxSegment)*float64(rate)))
}
