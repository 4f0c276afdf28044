// Package quantile picks quantiles by nearest rank, so that every result is a
// value that was measured. It does not interpolate and keeps no samples.
package quantile

import (
	"cmp"
	"math"
	"slices"
)

// Nearest returns the q-quantile of sorted, which is in ascending order: the
// smallest sample such that at least the fraction q of all samples is no
// greater. q below 0 counts as 0 and q above 1 as 1. Without samples Nearest
// returns the zero value of T; a caller to which that is a valid result checks
// the length first.
func Nearest[T cmp.Ordered](sorted []T, q float64) T {
	if len(sorted) == 0 {
		var none T
		return none
	}
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// Of returns the q-quantile of samples in any order, which it leaves as they
// are; NaN if there are none.
func Of(samples []float64, q float64) float64 {
	if len(samples) == 0 {
		return math.NaN()
	}
	return Nearest(slices.Sorted(slices.Values(samples)), q)
}
