package dsp

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// turnSine returns sin(2 pi num/den), for 0 <= num < den, from math.Sin. It
// first reduces the angle to the first quarter in integers: 2 pi num/den itself
// is not exact as a float64, which would spoil what should be a zero.
func turnSine(num, den uint64) float64 {
	sign := 1.0
	if 2*num >= den {
		num, sign = num-den/2, -1
		if den%2 == 1 {
			panic("den must be even")
		}
	}
	if 4*num > den {
		num = den/2 - num
	}
	return sign * math.Sin(2*math.Pi*float64(num)/float64(den))
}

// rational returns the phase of a sine of f/fdiv Hz at sample n as num/den of
// a turn.
func rational(f, fdiv, n uint64, rate int) (num, den uint64) {
	den = 2 * fdiv * uint64(rate) // even, for turnSine
	hi, lo := bits.Mul64(2*f, n)
	return bits.Rem64(hi, lo, den), den
}

// at computes the arena of a program of one sine of f/fdiv Hz at sample n.
func at(p *Program, f, fdiv, n uint64) []uint64 {
	num, den := rational(f, fdiv, n, p.Rate)
	phase, _ := bits.Div64(num, 0, den)
	// rest/rate is the fractional part of num*2^64/den, whose integer part is
	// phase.
	turn := new(big.Int).Lsh(new(big.Int).SetUint64(num), 64)
	turn.Mul(turn, big.NewInt(int64(p.Rate)))
	turn.Div(turn, new(big.Int).SetUint64(den))
	turn.Mod(turn, big.NewInt(int64(p.Rate)))
	st := append([]uint64(nil), p.Initial...)
	st[sinePhase], st[sineRest] = phase, turn.Uint64()
	return st
}

// ulps returns the distance between two floats in units in the last place.
func ulps(a, b float32) int64 {
	// rank numbers the floats in ascending order; both zeros are 0.
	rank := func(x float32) int64 {
		if i := int64(math.Float32bits(x)); i < 1<<31 {
			return i
		}
		return 1<<31 - int64(math.Float32bits(x))
	}
	d := rank(a) - rank(b)
	return max(d, -d)
}

func TestSineIsTheSineOfTheExactPhase(t *testing.T) {
	const amp = 0.5
	frequencies := []struct{ f, div uint64 }{
		{440, 1}, {441, 1}, {1, 1}, {20000, 1}, {8820, 1}, {1761, 4}, {1, 1024}, {261*64 + 40, 64}, {11025, 1},
	}
	starts := []uint64{0, 256, 44100 * 3600, 1e9, 1e9 + 7, 1e12, 1 << 50}
	for _, rate := range []int{44100, 48000, 96000} {
		for _, fr := range frequencies {
			t.Run(fmt.Sprintf("%d of %d at %d", fr.f, fr.div, rate), func(t *testing.T) {
				freq := float64(fr.f) / float64(fr.div)
				p := build(t, rate, 256, node{kind: "sine", params: map[string]float64{"freq": freq, "amp": amp}})
				for _, n := range starts {
					got := render(p, at(p, fr.f, fr.div, n), 8)
					for i, x := range got {
						num, den := rational(fr.f, fr.div, n+uint64(i), rate)
						want := float32(amp * turnSine(num, den))
						if ulps(x, want) > 1 {
							t.Fatalf("sample %d: %v, want %v", n+uint64(i), x, want)
						}
					}
				}
			})
		}
	}
}

// The formula as anyone would write it down, for the frequency of the built-in
// patch.
func TestSine440MatchesTheTextbookFormula(t *testing.T) {
	p := build(t, 44100, 256, node{kind: "sine"})
	for _, n := range []uint64{0, 1e9, 1e12} {
		for i, x := range render(p, at(p, 440, 1, n), 200) {
			want := float32(0.5 * math.Sin(2*math.Pi*float64(440*(n+uint64(i))%44100)/44100))
			require.LessOrEqual(t, ulps(x, want), int64(1), "sample %d", n+uint64(i))
		}
	}
}

func TestSineStateAfterRenderingIsTheComputedState(t *testing.T) {
	p := build(t, 44100, 441, node{kind: "sine", params: map[string]float64{"freq": 1234.5}})
	st := at(p, 2469, 2, 0)
	require.Equal(t, p.Initial, st)
	for b := range uint64(300) {
		require.Equal(t, at(p, 2469, 2, b*441)[:4], st[:4])
		render(p, st, 1)
	}
}

func TestSineReturnsToItsInitialStateEverySecond(t *testing.T) {
	for _, f := range []float64{0, 1, 440, 997, 19999} {
		p := build(t, 44100, 441, node{kind: "sine", params: map[string]float64{"freq": f}})
		st := append([]uint64(nil), p.Initial...)
		first := render(p, st, 100)
		require.Equal(t, p.Initial[:4], st[:4], "%v Hz", f)
		require.Equal(t, bitsOf(first), bitsOf(render(p, st, 100)))
	}
}

func TestSinePhaseRunsOnWhenTheFrequencyChanges(t *testing.T) {
	p := build(t, 44100, 64, node{kind: "sine", params: map[string]float64{"amp": 1}})
	st := append([]uint64(nil), p.Initial...)
	r := rand.New(rand.NewPCG(1, 2))
	last := 0.0
	for range 500 {
		f := r.Float64() * 2000
		require.True(t, p.Set(st, 0, f))
		for _, x := range render(p, st, 1) {
			require.LessOrEqual(t, math.Abs(float64(x)-last), 2*math.Pi*2000/44100)
			last = float64(x)
		}
	}
}

// bigSine returns sin(2 pi phase/2^64) to 60 digits.
func bigSine(phase uint64) *big.Float {
	const prec = 250
	const digits = "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899"
	pi, _, err := big.ParseFloat(digits, 10, prec, big.ToNearestEven)
	if err != nil {
		panic(err)
	}
	x := new(big.Float).SetPrec(prec).SetInt64(int64(phase))
	x.Mul(x, pi)
	x.SetMantExp(x, -63)
	z := new(big.Float).Mul(x, x)
	sum, term := new(big.Float).Copy(x), new(big.Float).Copy(x)
	for k := int64(2); k < 90; k += 2 {
		term.Mul(term, z)
		term.Quo(term, big.NewFloat(float64(-k*(k+1))))
		sum.Add(sum, term)
	}
	return sum
}

func TestSinTurnIsAccurate(t *testing.T) {
	phases := []uint64{
		0, 1, 2, 1<<61 - 1, 1 << 61, 1<<62 - 1, 1 << 62, 1<<62 + 1,
		1<<63 - 1, 1 << 63, 1<<63 + 1, 3 << 62, 3<<62 + 1, math.MaxUint64,
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		phases = append(phases, r.Uint64(), r.Uint64()>>(r.Uint64()%64))
	}
	for _, phase := range phases {
		want := bigSine(phase)
		diff, _ := new(big.Float).Sub(want, big.NewFloat(sinTurn(phase))).Float64()
		require.Less(t, math.Abs(diff), 3e-16, "phase %#x", phase)
		// The relative error too: small values are as accurate as large ones.
		scale, _ := want.Float64()
		require.LessOrEqual(t, math.Abs(diff), 4.5e-16*math.Abs(scale)+1e-70, "phase %#x", phase)
	}
}

func TestSinTurnIsExactAtEachQuarter(t *testing.T) {
	for quarter, want := range []float64{0, 1, 0, -1} {
		require.Equal(t, want, sinTurn(uint64(quarter)<<62))
	}
}
