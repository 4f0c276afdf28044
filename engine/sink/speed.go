package sink

import (
	"errors"
	"fmt"
	"sync/atomic"
)

const (
	// A device is a clock if the sound that it asks for takes as long as the
	// time in which it asks, to within a tolerance of 10 %, over a window.
	tolerance = 10  // divisor: a tenth
	windowNS  = 1e9 // least length of a window
	// A window is at least that many times as long as what the device's buffer
	// takes at once, which no window can tell from speed.
	windowSlacks = 4
	// runawayNS of sound beyond what the buffer and the time account for is no
	// burst of any device: it need not be watched for a whole window. ALSA's
	// null device asks for that much within milliseconds.
	runawayNS = 2e9
)

// speed compares the blocks that a device asks for with CLOCK_MONOTONIC, since
// a device that is no clock plays the music at the wrong speed: ALSA's null
// device at 700 times the right one, and a PipeWire graph whose quantum is
// larger than the buffer at a quarter of it.
//
// The longest gap between two calls of a window is not counted. One stall of
// the machine, or the pause that PulseAudio makes once it has filled a buffer,
// does not make a device slow; a slow device has gaps everywhere.
//
// A device that has kept time is slow only after two windows in a row: a server
// that is starved of CPU time for a second, as PulseAudio is by a compiler,
// would not be better off for being opened again.
//
// call belongs to the device's thread; the verdict may be read from any.
type speed struct {
	period int64        // of a block, ns
	slack  atomic.Int64 // what the device's buffer takes at once, ns

	begun int64  // when the window began, ns; 0: at the next call
	last  int64  // time of the last call
	gap   int64  // longest time between two calls of the window
	count uint64 // calls since the window began
	kept  bool   // the device has kept time, in this stream or in one before
	slow  bool   // the last window was too slow, the first after good ones

	whole atomic.Bool  // a whole window went by at the right speed
	wrong atomic.Int64 // speed of a window that did not, permille; 0: none yet
}

// restart begins anew for a stream with blocks of period ns.
func (s *speed) restart(period int64) {
	s.period = period
	s.begun, s.slow = 0, false
	s.whole.Store(false)
	s.wrong.Store(0)
}

// call takes note of a call at the time now.
func (s *speed) call(now int64) {
	if s.begun == 0 {
		s.begun, s.last, s.gap, s.count = now, now, 0, 0
		return
	}
	s.count++
	s.gap = max(s.gap, now-s.last)
	s.last = now
	if s.asked()-s.elapsed() > s.slack.Load()+runawayNS {
		s.judge(1000 * s.asked() / max(s.elapsed(), 1))
		return
	}
	if s.active() < max(windowNS, windowSlacks*s.slack.Load()) {
		return
	}
	switch {
	case s.fits():
		s.whole.Store(true)
		s.kept, s.slow = true, false
	case s.asked() < s.active() && s.kept && !s.slow:
		s.slow = true
	default:
		s.judge(1000 * s.asked() / s.elapsed())
	}
	s.begun, s.gap, s.count = now, 0, 0
}

// judge records the speed of a window that does not fit, and begins anew.
func (s *speed) judge(permille int64) {
	s.wrong.CompareAndSwap(0, max(permille, 1))
	s.begun, s.kept = 0, false
}

// asked is the sound that was asked for in the window, elapsed the time that
// went by, and active the same without the longest gap; all in ns.
func (s *speed) asked() int64   { return int64(s.count) * s.period }
func (s *speed) elapsed() int64 { return s.last - s.begun }
func (s *speed) active() int64  { return s.elapsed() - max(s.gap-s.period, 0) }

// fits reports whether the calls of the window so far are those of a clock. It
// belongs to the device's thread.
func (s *speed) fits() bool {
	asked, elapsed, active, slack := s.asked(), s.elapsed(), s.active(), s.slack.Load()
	return asked <= elapsed+elapsed/tolerance+slack && asked >= active-active/tolerance-slack
}

// NotAClock is why a device is lost that asks for blocks at another rate than
// that of the engine. A driver tries such a device again with a larger buffer.
type NotAClock struct {
	Permille int64 // of the right speed
}

func (e *NotAClock) Error() string {
	how := fmt.Sprintf("%d %%", e.Permille/10)
	if e.Permille >= 10_000 {
		how = fmt.Sprintf("%d times", e.Permille/1000)
	}
	return "the device is no clock: it asks for sound at " + how + " the speed of its rate"
}

// SameReason reports whether two losses of a device are the same to the user. A
// device that is no clock is never wrong by exactly the same amount twice.
func SameReason(a, b error) bool {
	if a == nil || b == nil {
		return a == b
	}
	var x, y *NotAClock
	if errors.As(a, &x) && errors.As(b, &y) {
		return (x.Permille < 1000) == (y.Permille < 1000)
	}
	return a.Error() == b.Error()
}
