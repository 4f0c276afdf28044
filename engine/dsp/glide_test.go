package dsp

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// gliding is a program that makes a parameter audible, and its address.
type gliding struct {
	p    *Program
	addr uint32
}

// glidingFactors returns, by kind and parameter, a program for every parameter
// that glides as a factor, in which what it multiplies has amplitude 1.
func glidingFactors(t testing.TB, rate, frames int) map[string]gliding {
	one := node{kind: "const", params: map[string]float64{"value": 1}}
	programs := map[string]*Program{
		"gain gain": build(t, rate, frames, one, node{kind: "gain", in: []int{0}}),
		"gain gate": build(t, rate, frames, one, node{kind: "gain", in: []int{0}}),
		"mix gain":  build(t, rate, frames, one, node{kind: "mix", in: []int{0}}),
		"sine amp":  build(t, rate, frames, node{kind: "sine", params: map[string]float64{"freq": float64(rate) / 8, "amp": 1}}),
		"noise amp": build(t, rate, frames, node{kind: "noise", params: map[string]float64{"amp": 1}}),
	}
	all := map[string]gliding{}
	for name, p := range programs {
		var kind, param string
		_, err := fmt.Sscan(name, &kind, &param)
		require.NoError(t, err)
		all[name] = gliding{p, address(t, p, len(p.Ops)-1, param)}
	}
	return all
}

// factors renders blocks from st and returns the value of the parameter at
// every sample: what is heard, divided by what would be heard if it were 1.
func (c *gliding) factors(st []uint64, blocks int) (f []float64) {
	unit := slices.Clone(st)
	op := c.p.Ops[len(c.p.Ops)-1]
	own := unit[op.Offset:][:kinds[op.Kind].Words()]
	c.p.Set(unit, c.addr, 1)
	clear(own[len(own)-glideWords:])
	for range blocks {
		got, one := naive(c.p, st), naive(c.p, unit)
		for i := range got {
			if one[i] != 0 {
				f = append(f, got[i]/one[i])
			} else if len(f) > 0 {
				f = append(f, f[len(f)-1])
			}
		}
	}
	return f
}

func TestACommandGlidesWithoutAStepAndEndsExactly(t *testing.T) {
	for _, rate := range []int{44100, 96000} {
		for name, c := range glidingFactors(t, rate, 64) {
			t.Run(fmt.Sprint(name, " at ", rate), func(t *testing.T) {
				st := slices.Clone(c.p.Initial)
				for _, v := range c.factors(st, 4) {
					require.Equal(t, 1.0, v, "the initial value holds from the first sample")
				}
				last := 1.0
				for _, target := range []float64{0, 1, 0.25} {
					if name == "gain gate" && target == 0.25 {
						continue
					}
					require.True(t, c.p.Set(st, c.addr, target))
					from := last
					for i, v := range c.factors(st, rate/10/64) {
						// A glide covers at most 1/(e*glideTime) of its way per
						// second. At the zeros of a sine factors repeats a
						// value, so that two samples show up as one.
						require.LessOrEqual(t, math.Abs(v-last), 2.02*math.Abs(target-from)/(math.E*glideTime*float64(rate)))
						require.LessOrEqual(t, math.Abs(target-v), math.Abs(target-last)+1e-15, "it neither turns back nor overshoots")
						if i > rate/100 {
							require.LessOrEqual(t, math.Abs(v-target), 0.0101*math.Abs(target-from), "99 %% of the way after 10 ms")
						}
						last = v
					}
					require.Equal(t, target, last)
				}
			})
		}
	}
}

func TestGlideIsTheStepResponseOfTwoPoles(t *testing.T) {
	for _, rate := range []uint64{8000, 44100, 192000} {
		w := make([]uint64, glideWords)
		require.True(t, resting(w, 3, factor))
		require.False(t, resting(w, -1, factor))
		g := loadGlide(w, -1, rate)
		a := math.Exp(-1 / (glideTime * float64(rate)))
		for n := 1; n < int(rate/20); n++ {
			// The step response of two cascaded one-pole filters with pole a is
			// 1 - (1 + n(1-a)) a^n at sample n.
			rest := (1 + float64(n)*(1-a)) * math.Pow(a, float64(n))
			require.InDelta(t, -1+4*rest, g.next(), glideEnd)
		}
		require.Equal(t, -1.0, g.next())
	}
}

// A new target during a glide changes neither its value nor its slope at that
// moment.
func TestANewTargetDuringAGlideMakesNoCorner(t *testing.T) {
	w := make([]uint64, glideWords)
	rest(w, 0)
	g := loadGlide(w, 1, 44100)
	x1, x0 := 0.0, 0.0
	for range 66 {
		x1, x0 = x0, g.next()
	}
	g.target = -5
	require.InDelta(t, x0-x1, g.next()-x0, 0.005)
}

func TestADamagedGlideRestsOnItsTarget(t *testing.T) {
	words := []uint64{0}
	for _, v := range []float64{math.NaN(), math.Inf(1), 1e9, -1e300} {
		words = append(words, ^math.Float64bits(v))
	}
	for _, word := range words {
		for i := range glideWords {
			w := make([]uint64, glideWords)
			rest(w, 2)
			w[i] = word
			require.True(t, resting(w, 0.5, factor))
			require.Equal(t, 0.5, value(^w[0]))
			require.Equal(t, 0.5, value(^w[1]))
		}
	}
}
