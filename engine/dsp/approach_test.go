package dsp

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestApproachIsOneMinusTheExponential(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	xs := []float64{1e-300, 1e-12, 1e-6, math.Ln2 / 2, math.Ln2, 1.5 * math.Ln2, 39.99, 40, 41, 1e300, math.Inf(1)}
	for range 20000 {
		xs = append(xs, r.Float64(), r.Float64()*45, math.Exp(-30*r.Float64()))
	}
	for _, x := range xs {
		want := -math.Expm1(-x)
		require.InDelta(t, want, approach(x), 4e-16*want, "%v", x)
	}
	for _, x := range []float64{0, -1, math.Inf(-1), math.NaN()} {
		require.Zero(t, approach(x))
	}
}
