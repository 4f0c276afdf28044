package sink

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const (
	blockNS  = 5_804_988 // 256 frames at 44,100 Hz
	bufferNS = 4 * blockNS
)

// caller calls a speed at times of its own.
type caller struct {
	speed
	now int64
}

func newCaller(slack int64) *caller {
	c := &caller{now: 1e12}
	c.restart(blockNS)
	c.slack.Store(slack)
	return c
}

// burst makes a number of calls at once, and then waits.
func (c *caller) burst(calls int, wait int64) {
	for range calls {
		c.call(c.now)
		c.now += 1000
	}
	c.now += wait - int64(calls)*1000
}

// after returns the time that has gone by.
func (c *caller) after() int64 { return c.now - 1e12 }

func TestDeviceThatIsNoClockIsFoundWithinTwoSeconds(t *testing.T) {
	for name, d := range map[string]struct {
		calls  int
		wait   int64
		from   int64 // permille of the right speed
		to     int64
		within int64
	}{
		"ALSA's null, 700 times too fast": {1, blockNS / 700, 100_000, 800_000, 20e6},
		"the double speed":                {1, blockNS / 2, 1900, 2100, 2e9},
		"12.5 % too fast":                 {1, blockNS * 1000 / 1125, 1100, 1200, 2e9},
		"a quarter of the speed":          {1, 4 * blockNS, 240, 280, 2e9},
		"a quarter, in bursts of two":     {2, 8 * blockNS, 240, 280, 2e9},
		"16 % too slow":                   {1, blockNS * 1000 / 840, 820, 880, 2e9},
	} {
		c := newCaller(bufferNS)
		c.burst(4, blockNS)
		for c.wrong.Load() == 0 && c.after() < 10e9 {
			c.burst(d.calls, d.wait)
		}
		wrong := c.wrong.Load()
		require.True(t, wrong >= d.from && wrong <= d.to, "%s: %d", name, wrong)
		require.LessOrEqual(t, c.after(), d.within, name)
		require.False(t, c.whole.Load(), name)
	}
}

// TestDeviceThatKeepsTimeIsBelieved lets the calls come as servers make them:
// late, in bursts, after a stall, with a buffer that is filled at once.
func TestDeviceThatKeepsTimeIsBelieved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		burst := rapid.IntRange(1, 4).Draw(t, "burst")
		ppm := rapid.Int64Range(-20_000, 20_000).Draw(t, "ppm")
		jitter := rapid.Int64Range(0, blockNS).Draw(t, "jitter")
		// One gap per window is excused: the stall comes after the window with
		// the pause.
		stallAt := rapid.Int64Range(4, 9).Draw(t, "stallAt") * 1e9
		stall := rapid.Int64Range(0, silentNS).Draw(t, "stall")
		pause := rapid.Int64Range(0, 2e9).Draw(t, "pause after the buffer was filled")
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))

		c := newCaller(bufferNS)
		c.burst(4, pause)
		due := c.now
		for c.after() < 10e9 {
			late := rnd.Int64N(jitter + 1)
			if due-1e12 > stallAt {
				late, stallAt, due = 0, 1e18, due+stall // the device starved meanwhile
			}
			c.now = max(c.now, due+late)
			for range burst {
				c.call(c.now)
			}
			due += int64(burst) * blockNS * (1_000_000 + ppm) / 1_000_000
		}
		require.Zero(t, c.wrong.Load())
		require.True(t, c.whole.Load())
	})
}

func TestDeviceThatKeptTimeMayBeStarvedForASecond(t *testing.T) {
	c := newCaller(bufferNS)
	keep := func(until int64, wait int64) {
		for from := c.after(); c.after()-from < until && c.wrong.Load() == 0; {
			c.burst(1, wait)
		}
	}
	keep(3e9, blockNS)
	require.True(t, c.whole.Load())
	for range 5 {
		keep(0.9e9, blockNS*2)
		keep(2.2e9, blockNS)
		require.Zero(t, c.wrong.Load(), "it has recovered")
	}
	c.restart(blockNS) // it fell silent and was opened again
	keep(0.9e9, blockNS*2)
	keep(2.2e9, blockNS)
	require.Zero(t, c.wrong.Load(), "it has recovered")

	slow := c.after()
	keep(10e9, blockNS*2)
	require.InDelta(t, 500, c.wrong.Load(), 50)
	require.Less(t, c.after()-slow, int64(3.1e9), "the window in which it began, and two")

	c = newCaller(bufferNS)
	keep(3e9, blockNS)
	fast := c.after()
	keep(10e9, blockNS/2)
	require.Positive(t, c.wrong.Load())
	require.Less(t, c.after()-fast, int64(2.1e9), "nothing starves a device into haste")
}

func TestDeviceWithALargeBufferIsWatchedForLonger(t *testing.T) {
	c := newCaller(740e6)
	for c.after() < 20e9 {
		c.burst(64, 64*blockNS)
	}
	require.Zero(t, c.wrong.Load())
	require.True(t, c.whole.Load())
}

func TestDeviceAtTheWrongSpeedIsNotHandedOverTo(t *testing.T) {
	g := testGeometry(t, 1)
	out := make([]float32, 16)
	device := func(prove bool) *Device {
		d := NewDevice(&blocks{last: 1 << 40}, g, func() {}, func(Grid, bool) {})
		d.Opened(Opening{Channels: 1, Latency: 4 * 363_000, Prove: prove})
		return d
	}
	fast := device(false)
	for fast.Wrong() == nil {
		fast.Call(out, false) // as fast as it can
	}
	fast.opened.Add(-2 * steadyNS)
	require.False(t, fast.offer())
	var not *NotAClock
	require.ErrorAs(t, fast.Wrong(), &not)
	require.Greater(t, not.Permille, int64(1000))

	unproven := device(true)
	for range 2 * steadyCalls {
		unproven.Call(out, false)
	}
	unproven.opened.Add(-2 * steadyNS)
	require.False(t, unproven.offer(), "it has not kept time for a whole window")
	unproven.speed.whole.Store(true)
	unproven.Call(out, false)
	require.True(t, unproven.offer())
}

func TestReasonsAreTheSameToTheUser(t *testing.T) {
	fast, faster, slow := &NotAClock{2000}, &NotAClock{700_000}, &NotAClock{250}
	require.True(t, SameReason(fast, faster))
	require.True(t, SameReason(fmt.Errorf("open: %w", fast), faster))
	require.False(t, SameReason(fast, slow))
	require.True(t, SameReason(errors.New("a"), errors.New("a")))
	require.False(t, SameReason(errors.New("a"), errors.New("b")))
	require.False(t, SameReason(nil, slow))
	require.True(t, SameReason(nil, nil))
	require.Contains(t, slow.Error(), "at 25 % the speed")
	require.Contains(t, fast.Error(), "at 200 % the speed")
	require.Contains(t, faster.Error(), "at 700 times the speed")
}
