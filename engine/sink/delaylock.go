package sink

import (
	"math"

	"chronus/engine/internal/shm"
)

// bandwidth of the loop in Hz: what is slower than a few seconds is the device's clock, what is faster is jitter of its calls.
const bandwidth = 0.3

// delayLock filters the times at which a device calls, which come in bursts, to a grid that runs at the device's rate. It is the
// second-order loop of Fons Adriaensen, Using a DLL to filter time, Linux Audio Conference 2005.
type delayLock struct {
	at     uint64  // the block that
	ns     float64 // is due then, in ns after base
	base   int64
	period float64 // of a block in ns
	b, c   float64
}

// start begins anew with a call at a time.
func (l *delayLock) start(block uint64, now int64, g shm.Geometry) {
	l.at, l.base, l.ns = block, now, 0
	l.period = float64(g.Frames) * 1e9 / float64(g.Rate)
	omega := 2 * math.Pi * bandwidth * l.period * 1e-9
	l.b, l.c = math.Sqrt2*omega, omega*omega
}

// due is when a block is due.
func (l *delayLock) due(block uint64) int64 {
	return l.base + int64(l.ns+float64(block-l.at)*l.period)
}

// update takes the time of a block's call.
func (l *delayLock) update(block uint64, now int64) {
	l.ns += float64(block-l.at) * l.period
	l.at = block
	e := float64(now-l.base) - l.ns
	l.ns += l.b * e
	l.period += l.c * e
	// Small numbers keep their precision.
	whole := int64(l.ns)
	l.base += whole
	l.ns -= float64(whole)
}
