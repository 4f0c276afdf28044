package dsp

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// redmon is the envelope as its author published it (ADSR.cpp, EarLevel
// Engineering), with math.Exp and times in samples.
type redmon struct {
	state                         int // 0 idle, 1 attack, 2 decay, 3 sustain, 4 release
	output                        float64
	attackCoef, attackBase        float64
	decayCoef, decayBase, sustain float64
	releaseCoef, releaseBase      float64
}

func newRedmon(attack, decay, sustain, release, rate float64) *redmon {
	const ratioA, ratioDR = 0.3, 0.0001
	coef := func(samples, ratio float64) float64 { return math.Exp(-math.Log((1+ratio)/ratio) / samples) }
	e := &redmon{sustain: sustain}
	e.attackCoef = coef(attack*rate, ratioA)
	e.attackBase = (1 + ratioA) * (1 - e.attackCoef)
	e.decayCoef = coef(decay*rate, ratioDR)
	e.decayBase = (sustain - ratioDR) * (1 - e.decayCoef)
	e.releaseCoef = coef(release*rate, ratioDR)
	e.releaseBase = -ratioDR * (1 - e.releaseCoef)
	return e
}

func (e *redmon) gate(on bool) {
	if on {
		e.state = 1
	} else if e.state != 0 {
		e.state = 4
	}
}

func (e *redmon) process() float64 {
	switch e.state {
	case 1:
		e.output = e.attackBase + e.output*e.attackCoef
		if e.output >= 1 {
			e.output, e.state = 1, 2
		}
	case 2:
		e.output = e.decayBase + e.output*e.decayCoef
		if e.output <= e.sustain {
			e.output, e.state = e.sustain, 3
		}
	case 4:
		e.output = e.releaseBase + e.output*e.releaseCoef
		if e.output <= 0 {
			e.output, e.state = 0, 0
		}
	}
	return e.output
}

// envelope makes a program whose samples are the envelope of an adsr.
func envelope(t testing.TB, rate, frames int, params map[string]float64) *Program {
	return build(t, rate, frames, node{kind: "const", params: map[string]float64{"value": 1}},
		node{kind: "adsr", in: []int{0}, params: params})
}

func TestADSRIsSilentUntilItsGateOpens(t *testing.T) {
	p := envelope(t, 44100, 64, nil)
	require.Equal(t, make([]float32, 640), render(p, p.Initial, 10))
	p.Set(p.Initial, address(t, p, 1, "gate"), 1)
	require.Positive(t, render(p, p.Initial, 1)[0])
}

func TestADSRIsThePublishedEnvelope(t *testing.T) {
	const rate, total = 44100, 60000
	for _, c := range []struct{ a, d, s, r float64 }{
		{0.01, 0.2, 0.6, 0.4}, {0.001, 0.001, 0, 0.001}, {0.5, 0.1, 1, 0.3}, {0.05, 0.02, 0.25, 2}, {0.3, 0.5, 0, 0.05},
	} {
		// The frames at which the gate opens and closes, in turn: through all
		// stages, in the middle of the attack and of the decay, and open again
		// during a release.
		for _, edges := range [][]int{{100, 40000}, {0, 200, 5000, 5300, 30000}, {7, 3000, 3500, 9000, 9001, 9002}} {
			t.Run(fmt.Sprint(c, edges), func(t *testing.T) {
				// Keeps segments from ending exactly on a sample, where
				// rounding would decide.
				const bit = 0.3 / rate
				p := envelope(t, rate, 250, map[string]float64{
					"attack": c.a + bit, "decay": c.d + bit, "sustain": c.s, "release": c.r + bit,
				})
				gate := address(t, p, 1, "gate")
				for i, at := range edges {
					require.True(t, p.Schedule(p.Initial, uint64(at), gate, float64(1-i%2)))
				}
				got := renderBlocks(p, p.Initial, 0, total/250)
				e := newRedmon(c.a+bit, c.d+bit, c.s, c.r+bit, rate)
				for i, x := range got {
					if n := slices.Index(edges, i); n >= 0 {
						e.gate(n%2 == 0)
					}
					require.InDelta(t, e.process(), float64(x), 1e-7, "sample %d, stage %d", i, e.state)
				}
			})
		}
	}
}

func TestADSRSegmentsLastAsLongAsTheirParameters(t *testing.T) {
	for _, rate := range []int{8000, 44100, 192000} {
		p := envelope(t, rate, 1, map[string]float64{"attack": 0.1, "decay": 0.3, "sustain": 0, "release": 0.2, "gate": 1})
		until := func(done func(x float32) bool) float64 {
			for n := 1; ; n++ {
				if done(render(p, p.Initial, 1)[0]) {
					return float64(n) / float64(rate)
				}
			}
		}
		sample := 2.01 / float64(rate) // rounding decides which of two samples is the last
		require.InDelta(t, 0.1, until(func(x float32) bool { return x == 1 }), sample)
		require.InDelta(t, 0.3, until(func(x float32) bool { return x == 0 }), sample)
		// The release, from 1 down to silence.
		p.Set(p.Initial, address(t, p, 1, "gate"), 0)
		render(p, p.Initial, 1)
		p.Set(p.Initial, address(t, p, 1, "gate"), 1)
		until(func(x float32) bool { return x == 1 })
		p.Set(p.Initial, address(t, p, 1, "gate"), 0)
		require.InDelta(t, 0.2, until(func(x float32) bool { return x == 0 }), sample)
	}
}

func TestADSRNeverSteps(t *testing.T) {
	const rate = 44100
	p := envelope(t, rate, 64, map[string]float64{"attack": 0.01, "release": 0.05, "decay": 0.05})
	gate, sustain := address(t, p, 1, "gate"), address(t, p, 1, "sustain")
	// The largest change per sample of the attack, of a glide, and of a fall.
	most := max(1.3*attackSpan/(0.01*rate), 1/(math.E*glideTime*rate), 9.22/(0.05*rate)) * 1.01
	last := float32(0)
	for i := range 600 {
		switch i % 50 {
		case 0:
			p.Set(p.Initial, gate, 1)
		case 3, 15:
			p.Set(p.Initial, sustain, 0.9)
		case 8, 25:
			p.Set(p.Initial, sustain, 0.1)
		case 40:
			p.Set(p.Initial, gate, 0)
		case 44:
			p.Set(p.Initial, gate, float64(i/50%2)) // every other time again, while it fades
		}
		for _, x := range render(p, p.Initial, 1) {
			require.InDelta(t, last, x, most)
			require.True(t, x >= 0 && x <= 1)
			last = x
		}
	}
}

func TestADSRFollowsItsSustainExactly(t *testing.T) {
	p := envelope(t, 44100, 64, map[string]float64{"gate": 1, "decay": 0.01})
	for _, s := range []float64{0.6, 0.9, 0.1, 1, 0} {
		p.Set(p.Initial, address(t, p, 1, "sustain"), s)
		require.Equal(t, float32(s), render(p, p.Initial, 100)[6399])
	}
}

func TestADamagedADSRStartsAfresh(t *testing.T) {
	p := envelope(t, 44100, 64, nil)
	off := p.Ops[1].Offset
	for _, c := range []struct {
		word int
		bits uint64
	}{
		{adsrStage, stageRelease + 1},
		{adsrStage, math.MaxUint64},
		{adsrLevel, math.Float64bits(-0.1)},
		{adsrLevel, math.Float64bits(1.5)},
		{adsrLevel, math.Float64bits(math.NaN())},
	} {
		st := slices.Clone(p.Initial)
		st[off+adsrStage] = stageSustain
		st[off+c.word] = c.bits
		require.Equal(t, make([]float32, 64), render(p, st, 1), "%v", c)
	}
}
