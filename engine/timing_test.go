//go:build linux

package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"chronus/engine/clock"
	"chronus/engine/internal/shm"
	"chronus/engine/osc"
	"chronus/engine/rig"
)

// clocks is a machine whose wall clock is off ns ahead and on which reading a
// clock takes time.
type clocks struct {
	now, off int64
	while    func() int64
}

func (c *clocks) read() (before, wall, after int64) {
	c.now += c.while()
	before = c.now
	c.now += c.while()
	wall = c.now + c.off
	c.now += c.while()
	return before, wall, c.now
}

func TestOffsetOfTheClocksStaysUntilTheClockIsSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &clocks{off: rapid.Int64Range(-1<<60, 1<<60).Draw(t, "offset")}
		reads := 0
		c.while = func() int64 {
			// Of the readings of one measurement at least one is tight: each
			// takes three.
			if reads++; reads/3%8 == 0 {
				return 20
			}
			return rapid.SampledFrom([]int64{20, 25, 40, 3000, 4e6}).Draw(t, "ns")
		}
		w := wallClock{read: c.read}
		first := w.offset()
		for range 20 {
			require.Equal(t, first, w.offset())
		}
		require.InDelta(t, c.off-first, 0, 4e6)
		step := rapid.SampledFrom([]int64{-1e9, -1e8, 1e8, 3600e9}).Draw(t, "step")
		c.off += step
		second := w.offset()
		require.InDelta(t, c.off-second, 0, 4e6)
		require.Equal(t, second, w.offset())
	})
}

func TestTightestReadingCounts(t *testing.T) {
	c := &clocks{off: 1e18}
	n := 0
	c.while = func() int64 {
		if n++; n%5 != 0 && n < 30 {
			return 7e6
		}
		return 20
	}
	w := wallClock{read: c.read}
	require.InDelta(t, c.off-w.offset(), 0, 20)
}

func TestOffsetOfThisMachine(t *testing.T) {
	var w wallClock
	before := time.Now().UnixNano() - clock.Now()
	require.InDelta(t, 0, w.offset()-before, float64(time.Second))
}

// TestTimeTagsFollowTheGrid anchors the player's grid, and then anchors it
// again.
func TestTimeTagsFollowTheGrid(t *testing.T) {
	g, err := shm.NewGeometry(44100, 256, 1, 3, 2, 2, 5, false)
	require.NoError(t, err)
	r := rig.New(t, g)
	c := &clocks{now: 50e9, off: 1_700_000_000e9, while: func() int64 { return 0 }}
	tm := timing{player: r.Player, geo: &r.Host.Geo, wall: wallClock{read: c.read}}
	frame := func(mono int64) int64 {
		line := tm.timeline(50e9)
		f, err := line.FrameAt(osc.TimeTag(time.Unix(0, mono+c.off)))
		require.NoError(t, err)
		return f
	}
	r.Player.SetAnchor(0, 49e9)
	require.EqualValues(t, 0, frame(49e9))
	require.EqualValues(t, 44100, frame(50e9))
	require.EqualValues(t, 44100+4410, frame(50.1e9))
	require.EqualValues(t, 0, frame(40e9))
	r.Player.SetAnchor(100, 50e9)
	require.EqualValues(t, 25600, frame(50e9))
	c.off += 3600e9 // the clock was set, and so was the sender's
	require.EqualValues(t, 25600+44100, frame(51e9))
}
