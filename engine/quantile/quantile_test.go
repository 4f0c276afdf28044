package quantile

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNearest(t *testing.T) {
	require.Zero(t, Nearest([]int64(nil), 0.99))
	require.EqualValues(t, 7, Nearest([]int64{7}, 0.5))
	require.EqualValues(t, 1, Nearest([]int64{1, 2}, 0.5))
	require.EqualValues(t, 2, Nearest([]int64{1, 2}, 0.51))
	require.EqualValues(t, 2, Nearest([]int64{1, 2}, 1))
	require.Equal(t, 1.5, Nearest([]float64{1.5, 2.5}, 0))
	require.Equal(t, 1.5, Nearest([]float64{1.5, 2.5}, -1))
	require.Equal(t, 2.5, Nearest([]float64{1.5, 2.5}, 2))
}

// TestPercentilesAreExact checks that a percentile given as a binary fraction,
// which 0.99 only approximates, has the rank that integer arithmetic gives.
func TestPercentilesAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5000).Draw(t, "samples")
		percent := rapid.SampledFrom([]int{1, 5, 25, 50, 75, 90, 95, 99, 100}).Draw(t, "percent")
		samples := make([]int, n)
		for i := range samples {
			samples[i] = i + 1
		}
		require.Equal(t, (n*percent+99)/100, Nearest(samples, float64(percent)/100))
	})
}
