package dsp

import "math"

var adsrKind = Kind{
	Name: "adsr",
	Doc: "Its input times an envelope: from silence to full in attack when the gate opens (0.5 or more), down to sustain by decay, " +
		"to silence in release when it closes. A gate that opens during the release goes on from the level reached.",
	Params: []Param{
		{Name: "attack", Unit: "s", Default: 0.01, Min: minSegment, Max: maxSegment},
		{Name: "decay", Unit: "s", Default: 0.2, Min: minSegment, Max: maxSegment},
		{Name: "sustain", Default: 0.6, Min: 0, Max: 1},
		{Name: "release", Unit: "s", Default: 0.4, Min: minSegment, Max: maxSegment},
		{Name: "gate", Default: 0, Min: 0, Max: 1},
	},
	StateWords: 2 + glideWords, // stage, level; of sustain
	MinInputs:  1,
	MaxInputs:  1,
	step:       stepADSR,
}

const (
	minSegment = 0.001 // s; less is a click
	maxSegment = 60
)

// Stages of an envelope.
const (
	stageIdle = iota
	stageAttack
	stageDecay
	stageSustain
	stageRelease
)

// The envelope is that of Nigel Redmon, "Envelope generators - ADSR code" (EarLevel Engineering, 2013), with his shapes: a segment
// is an exponential, as of a capacitor, that aims beyond its end so that it gets there in a finite time. The attack aims at 1.3,
// which makes it nearly straight, the others 80 dB below their end. As there, decay and release are the times of a way from 1 to
// 0, and a shorter way takes less: from 1 to a sustain of 0.6, 90 % of decay.
const (
	attackBeyond = 0.3
	fallBeyond   = 0.0001
	attackSpan   = 1.4663370687934272 // ln((1+0.3)/0.3), time constants in the attack
	fallSpan     = 9.210440366976517  // ln((1+0.0001)/0.0001)
)

func stepADSR(w []uint64, in [][]float64, out []float64, rate uint64) {
	stage, level, sustain := w[5], value(w[6]), value(w[2])
	if stage > stageRelease || !(level >= 0 && level <= 1) {
		stage, level = stageIdle, 0
	}
	if !(sustain >= 0 && sustain <= 1) {
		sustain = 0
	}
	switch open := value(w[4]) >= 0.5; {
	case open && (stage == stageIdle || stage == stageRelease):
		stage = stageAttack
	case !open && stage != stageIdle:
		stage = stageRelease
	}
	if stage != stageDecay && stage != stageSustain {
		rest(w[7:], sustain) // nobody hears it move
	}
	resting := resting(w[7:], sustain, 1)
	g := loadGlide(w[7:], sustain, rate)

	x := in[0][:len(out)]
	for i := 0; i < len(out); {
		// Each stage makes its samples and leaves i where the next one begins.
		switch stage {
		case stageAttack:
			k := pace(attackSpan, w[0], rate)
			for ; i < len(out) && stage == stageAttack; i++ {
				level += float64((1 + attackBeyond - level) * k)
				if level >= 1 {
					level, stage = 1, stageDecay
				}
				out[i] = x[i] * level
			}
		case stageDecay:
			k := pace(fallSpan, w[1], rate)
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
			k := pace(fallSpan, w[3], rate)
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
	g.save(w[7:])
	w[5], w[6] = stage, math.Float64bits(level)
}

// pace is the part of its way that a segment of so many time constants in seconds, a parameter's word, goes in a sample.
func pace(span float64, seconds, rate uint64) float64 {
	s := value(seconds)
	if !(s >= minSegment) { // also if it is no number
		s = minSegment
	}
	return approach(span / float64(min(s, maxSegment)*float64(rate)))
}
