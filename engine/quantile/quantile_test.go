package quantile

import (
	"slices"
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

func TestOfTakesSamplesInAnyOrder(t *testing.T) {
	s := []float64{5, 1, 3, 2, 4}
	require.Equal(t, 3.0, Of(s, 0.5))
	require.Equal(t, 5.0, Of(s, 0.99))
	require.Equal(t, 1.0, Of(s, 0))
	require.Equal(t, 5.0, Of(s, 1))
	require.Equal(t, []float64{5, 1, 3, 2, 4}, s, "left as it was")
	require.NotEqual(t, Of(nil, 0.5), Of(nil, 0.5), "NaN")
	require.Equal(t, int64(2), Nearest([]int64{1, 2, 3, 4}, 0.5))
}

// At least q of the samples are at most the quantile, and fewer are below it.
func TestAQuantileIsTheLeastSampleThatIsEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SliceOfN(rapid.IntRange(0, 20), 1, 60).Draw(t, "samples")
		q := rapid.Float64Range(0.001, 1).Draw(t, "q")
		slices.Sort(s)
		v := Nearest(s, q)
		below, upTo := 0, 0
		for _, x := range s {
			if x < v {
				below++
			}
			if x <= v {
				upTo++
			}
		}
		require.GreaterOrEqual(t, float64(upTo), q*float64(len(s)))
		require.Less(t, float64(below), q*float64(len(s)))
	})
}
