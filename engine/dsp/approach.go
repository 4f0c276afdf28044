package dsp

import "math"

// approach returns 1 - e^-x, the fraction of its way that an exponential covers
// in x time constants, with a relative error of at most 2e-16. It is here
// because the result of math.Exp may differ between CPUs.
func approach(x float64) float64 {
	const (
		// ln 2 in two parts. The bits of ln2Hi end in zeros, so its product
		// with a small integer is exact (as in FreeBSD's e_exp.c).
		ln2Hi = 6.93147180369123816490e-01
		ln2Lo = 1.90821492927058770002e-10
	)
	if !(x > 0) {
		return 0
	}
	if x > 40 { // e^-40 < 2^-53
		return 1
	}
	k := int64(float64(x*(1/math.Ln2)) + 0.5)
	// Here |r| <= ln(2)/2, where the Taylor series to r^14 is good to 2e-18.
	r := x - float64(float64(k)*ln2Hi) - float64(float64(k)*ln2Lo)

	p := 1.0 / 87178291200 // 14!
	p = 1.0/6227020800 - float64(p*r)
	p = 1.0/479001600 - float64(p*r)
	p = 1.0/39916800 - float64(p*r)
	p = 1.0/3628800 - float64(p*r)
	p = 1.0/362880 - float64(p*r)
	p = 1.0/40320 - float64(p*r)
	p = 1.0/5040 - float64(p*r)
	p = 1.0/720 - float64(p*r)
	p = 1.0/120 - float64(p*r)
	p = 1.0/24 - float64(p*r)
	p = 1.0/6 - float64(p*r)
	p = 1.0/2 - float64(p*r)
	p = 1 - float64(p*r)
	p = float64(p * r) // 1 - e^-r
	if k == 0 {
		return p
	}
	return 1 - float64((1-p)*math.Float64frombits(uint64(1023-k)<<52))
}
