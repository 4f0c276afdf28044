package sink

import (
	"math"

	"chronus/engine/internal/shm"
)

// bandwidth of the loop in Hz: what changes over more than a few seconds is the
// device's clock, what changes faster is jitter of its calls.
const bandwidth = 0.3

// delayLock filters the times at which a device calls, which come in bursts,
// into a grid that runs at the device's rate. It is the second-order loop of
// Fons Adriaensen, "Using a DLL to filter time", Linux Audio Conference 2005.
type delayLock struct {
	at     uint64  // the block of the last call
	ns     float64 // when that block is due, ns after base
	base   int64   // CLOCK_MONOTONIC, ns
	period float64 // length of a block, ns
	b, c   float64
}

// start begins anew with a call for block at the time now.
func (l *delayLock) start(block uint64, now int64, g shm.Geometry) {
	l.at, l.base, l.ns = block, now, 0
	l.period = float64(g.Frames) * 1e9 / float64(g.Rate)
	omega := 2 * math.Pi * bandwidth * l.period * 1e-9
	l.b, l.c = math.Sqrt2*omega, omega*omega
}

// due returns when a block is due, in ns of CLOCK_MONOTONIC.
func (l *delayLock) due(block uint64) int64 {
	return l.base + int64(l.ns+float64(block-l.at)*l.period)
}

// update takes in that block was called for at the time now.
func (l *delayLock) update(block uint64, now int64) {
	l.ns += float64(block-l.at) * l.period
	l.at = block
	e := float64(now-l.base) - l.ns
	l.ns += l.b * e
	l.period += l.c * e
	// ns stays small, and so precise: its whole part moves into base.
	whole := int64(l.ns)
	l.base += whole
	l.ns -= float64(whole)
}
