package metric

import (
	"math"
	"slices"
)

// Quantile returns the quantile q (0 to 1) of samples in any order, by the
// nearest rank: a value that was measured. NaN where there are none.
func Quantile(samples []float64, q float64) float64 {
	if len(samples) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(samples))
	rank := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)]
}
