// Package quantile holds the one definition of a quantile that the harness
// uses: the nearest rank, so that every quantile is a value that was measured.
// It must not interpolate.
package quantile

import (
	"cmp"
	"math"
	"slices"
)

// Of returns the quantile q (0 to 1) of samples in any order, which it leaves
// as they are. NaN if there are none.
func Of(samples []float64, q float64) float64 {
	if len(samples) == 0 {
		return math.NaN()
	}
	return Sorted(slices.Sorted(slices.Values(samples)), q)
}

// Sorted returns the quantile q (0 to 1) of samples in rising order. There must
// be at least one.
func Sorted[T cmp.Ordered](samples []T, q float64) T {
	rank := int(math.Ceil(q*float64(len(samples)))) - 1
	return samples[min(max(rank, 0), len(samples)-1)]
}
