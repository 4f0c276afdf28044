//go:build linux

package engine

import (
	"golang.org/x/sys/unix"

	"chronus/engine/clock"
	"chronus/engine/internal/shm"
	"chronus/engine/osc"
)

// timing relates time tags to the player's grid, that is, to the time at which
// each block is due according to the player's region.
type timing struct {
	player *shm.Player
	geo    *shm.Geometry
	wall   wallClock
}

// timeline returns the relation as it is now. Before the player has a grid,
// every time tag is late.
func (t *timing) timeline(now int64) osc.Timeline {
	at, ns := t.player.Anchor()
	return osc.Timeline{
		Rate: int64(t.geo.Rate), Frame: int64(at) * int64(t.geo.Frames), FrameNS: ns,
		WallNS: t.wall.offset(), NowNS: now,
	}
}

// wallClock measures how far CLOCK_REALTIME is ahead of CLOCK_MONOTONIC.
// Slewing (NTP, adjtime) moves both alike, so the offset changes only when the
// clock is set or the machine has slept. Every use reads both clocks, which
// bounds the offset to within some tens of ns. As long as the known offset lies
// within these bounds it is kept, to the nanosecond, so that two time tags at
// any distance are mapped with the same offset. If it does not, the clock was
// set, and the offset is measured again.
type wallClock struct {
	ns    int64
	known bool
	read  func() (before, wall, after int64) // in ns; nil means the system's clocks
}

// clockGrain is how far apart two readings of the same instant may be, in ns,
// because each clock truncates to 1 ns.
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
	// Only the tightest reading counts, since one that was interrupted between
	// two clocks is imprecise.
	const readings = 16
	for range readings {
		b, m, a := read()
		if a-b < after-before {
			before, wall, after = b, m, a
		}
	}
	w.ns, w.known = wall-before-(after-before)/2, true
	return w.ns
}

// readClocks reads CLOCK_REALTIME between two readings of CLOCK_MONOTONIC, in
// ns.
func readClocks() (before, wall, after int64) {
	var t unix.Timespec
	before = clock.Now()
	_ = unix.ClockGettime(unix.CLOCK_REALTIME, &t) // every Linux has this clock
	return before, t.Nano(), clock.Now()
}
