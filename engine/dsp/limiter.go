package dsp

import "math"

// The limiter is the last resort before the loudspeaker and not part of a
// patch's sound: a sample within the limit passes unchanged unless the gain is
// still recovering from one that was not. Its words follow the timed commands.
const (
	peakWord    = iota // the followed peak while it exceeds the limit, otherwise 0
	limitedWord        // number of frames attenuated so far
	limiterWords
)

const (
	// limiterRelease is the time constant, in seconds, with which the gain
	// recovers: 8.7 dB in that time, slow enough to keep the shape of a low
	// tone.
	limiterRelease = 0.2
	// limiterDepth is how far over the limit a peak is followed. Beyond 60 dB
	// the sound is clipped.
	limiterDepth = 1000
	// While a peak is more than limiterNear (20 dB) over the limit, which no
	// mix reaches but a mistake does, the gain comes back ten times as fast. So
	// the sound is back 0.55 s after the most absurd gain or a single wild
	// sample, instead of 1.4 s, and what is less than 20 dB over is limited as
	// gently as without that.
	limiterNear = 10
	limiterFast = limiterRelease / 10
	// MaxLimit is the highest limit.
	MaxLimit = 1000
)

// SetLimit sets the magnitude of the largest sample that may leave the program,
// which must be in 0..MaxLimit. With 0 there is no limit, and only samples that
// are not finite are changed.
func (p *Program) SetLimit(limit float64) error {
	if !(limit >= 0 && limit <= MaxLimit) {
		return fail("limit is out of range")
	}
	p.Limit = limit
	p.ceiling = float32(limit)
	if float64(p.ceiling) > limit {
		p.ceiling = math.Nextafter32(p.ceiling, 0)
	}
	if limit > 0 {
		p.ceiling = max(p.ceiling, math.SmallestNonzeroFloat32)
	}
	p.keep = 1 - approach(1/float64(limiterRelease*float64(p.Rate)))
	p.keepFar = 1 - approach(1/float64(limiterFast*float64(p.Rate)))
	return nil
}

// Limited returns how many frames the limiter has attenuated.
func (p *Program) Limited(st []uint64) uint64 { return st[p.timed+timedWords+limitedWord] }

// limit rounds x into out. A sample above the limit lowers the gain at once;
// the gain then recovers exponentially.
func (p *Program) limit(st []uint64, x []float64, out []float32) {
	w := st[p.timed+timedWords:][:limiterWords]
	top, peak := float64(p.ceiling), value(w[peakWord])
	if !(peak > top && peak <= top*limiterDepth) {
		peak = 0
	}
	for i, v := range x {
		y := float32(v)
		if peak == 0 && y >= -p.ceiling && y <= p.ceiling {
			out[i] = y
			continue
		}
		if v-v != 0 { // NaN or infinite
			v = 0
		}
		keep := p.keep
		if peak > top*limiterNear {
			keep = p.keepFar
		}
		peak = min(max(math.Abs(v), float64(peak*keep)), top*limiterDepth)
		if peak <= top {
			peak = 0
			out[i] = float32(v)
			continue
		}
		out[i] = float32(min(max(float64(v*(top/peak)), -top), top))
		w[limitedWord]++
	}
	w[peakWord] = math.Float64bits(peak)
}
