//go:build linux

package engine

import (
	"golang.org/x/sys/unix"

	"chronus/engine/clock"
	"chronus/engine/internal/shm"
	"chronus/engine/osc"
)

// timing reads time tags by the player's grid: which block is due when, as the region says it at that moment.
type timing struct {
	player *shm.Player
	geo    *shm.Geometry
	wall   wallClock
}

// timeline is the engine's time as it is known now. Before the player has a grid there is none: everything is late.
func (t *timing) timeline(now int64) osc.Timeline {
	at, ns := t.player.Anchor()
	return osc.Timeline{
		Rate: int64(t.geo.Rate), Frame: int64(at) * int64(t.geo.Frames), FrameNS: ns, WallNS: t.wall.offset(), NowNS: now,
	}
}

// wallClock knows what CLOCK_REALTIME is ahead of CLOCK_MONOTONIC. Slewing (NTP, adjtime) moves both alike, so that the offset only
// changes when the clock is set or the machine slept. Every use reads both clocks, which bounds the offset to some tens of ns; as
// long as the bounds hold what is known, that stays, to the nanosecond: two time tags at any distance are mapped with the
// same offset. When they do not, the clock was set, and the offset is taken anew.
type wallClock struct {
	ns    int64
	known bool
	read  func() (before, wall, after int64) // nil: the system's clocks; ns
}

// clockGrain is how far two readings of the same instant may be apart: each clock cuts off below 1 ns.
const clockGrain = 2

func (w *wallClock) offset() int64 {
	read := w.read
	if read == nil {
		read = readClocks
	}
	before, wall, after := read()
	if w.known && w.ns >= wall-after-clockGrain && w.ns <= wall-before+clockGrain {
		return w.ns
	}
	const readings = 16 // of which the tightest counts: whoever is interrupted between two clocks knows little
	for range readings {
		b, m, a := read()
		if a-b < after-before {
			before, wall, after = b, m, a
		}
	}
	w.ns, w.known = wall-before-(after-before)/2, true
	return w.ns
}

// readClocks reads CLOCK_REALTIME between two readings of CLOCK_MONOTONIC.
func readClocks() (before, wall, after int64) {
	var t unix.Timespec
	before = clock.Now()
	_ = unix.ClockGettime(unix.CLOCK_REALTIME, &t) // no Linux lacks this clock
	return before, t.Nano(), clock.Now()
}
