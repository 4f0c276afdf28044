package dsp

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// gliding lists every parameter that glides as a factor, with a program in which it is all that is heard, times one.
func gliding(t testing.TB, rate, frames int) map[string]struct {
	p    *Program
	addr uint32
} {
	one := node{kind: "const", params: map[string]float64{"value": 1}}
	programs := map[string]*Program{
		"gain gain": build(t, rate, frames, one, node{kind: "gain", in: []int{0}}),
		"gain gate": build(t, rate, frames, one, node{kind: "gain", in: []int{0}}),
		"mix gain":  build(t, rate, frames, one, node{kind: "mix", in: []int{0}}),
		"sine amp":  build(t, rate, frames, node{kind: "sine", params: map[string]float64{"freq": float64(rate) / 8, "amp": 1}}),
		"noise amp": build(t, rate, frames, node{kind: "noise", params: map[string]float64{"amp": 1}}),
	}
	all := map[string]struct {
		p    *Program
		addr uint32
	}{}
	for name, p := range programs {
		var kind, param string
		_, err := fmt.Sscan(name, &kind, &param)
		require.NoError(t, err)
		all[name] = struct {
			p    *Program
			addr uint32
		}{p, address(t, p, len(p.Ops)-1, param)}
	}
	return all
}

// factors are what the parameter is, sample by sample: what is heard by what would be heard if it were 1.
func factors(p *Program, addr uint32, st []uint64, blocks int) (f []float64) {
	unit := slices.Clone(st)
	kind := &kinds[p.Ops[len(p.Ops)-1].Kind]
	own := unit[p.Ops[len(p.Ops)-1].Offset:][:kind.Words()]
	p.Set(unit, addr, 1)
	for i := len(own) - glideWords; i < len(own); i++ {
		own[i] = 0
	}
	for range blocks {
		got, one := naive(p, st), naive(p, unit)
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
		for name, c := range gliding(t, rate, 64) {
			t.Run(fmt.Sprint(name, " at ", rate), func(t *testing.T) {
				st := slices.Clone(c.p.Initial)
				for _, v := range factors(c.p, c.addr, st, 4) {
					require.Equal(t, 1.0, v, "the first value is there from the first sample")
				}
				last := 1.0
				for _, target := range []float64{0, 1, 0.25} {
					if name == "gain gate" && target == 0.25 {
						continue
					}
					require.True(t, c.p.Set(st, c.addr, target))
					from := last
					for i, v := range factors(c.p, c.addr, st, rate/10/64) {
						// The steepest is 1/(e*glideTime) of the way in a second; a sine and its zeros show two samples at once.
						require.LessOrEqual(t, math.Abs(v-last), 2.02*math.Abs(target-from)/(math.E*glideTime*float64(rate)))
						require.LessOrEqual(t, math.Abs(target-v), math.Abs(target-last)+1e-15, "it never turns back or overshoots")
						if i > rate/100 {
							require.LessOrEqual(t, math.Abs(v-target), 0.0101*math.Abs(target-from), "99 %% after 10 ms")
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
			// Of two cascaded one-pole filters with pole a: 1 - (1 + n(1-a)) a^n, at sample n.
			rest := (1 + float64(n)*(1-a)) * math.Pow(a, float64(n))
			require.InDelta(t, -1+4*rest, g.next(), glideEnd)
		}
		require.Equal(t, -1.0, g.next())
	}
}

// A new target on the way changes where it goes, not where it is, nor how fast it goes at that moment.
func TestANewTargetOnTheWayMakesNoCorner(t *testing.T) {
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

func TestADamagedGlideStartsAgainOnItsTarget(t *testing.T) {
	for _, bits := range []uint64{0, math.Float64bits(math.NaN()), math.Float64bits(math.Inf(1)), math.Float64bits(1e9), math.Float64bits(-1e300)} {
		for i := range glideWords {
			w := make([]uint64, glideWords)
			rest(w, 2)
			w[i] = ^bits
			if bits == 0 {
				w[i] = 0
			}
			require.True(t, resting(w, 0.5, factor))
			require.Equal(t, 0.5, value(^w[0]))
			require.Equal(t, 0.5, value(^w[1]))
		}
	}
}
