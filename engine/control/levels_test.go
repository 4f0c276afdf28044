package control

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/internal/shm"
	"chronus/engine/rig"
)

const testNow = int64(100e9)

// audience is a player's region into which a test delivers blocks by hand.
type audience struct {
	*shm.Player
	geo shm.Geometry
}

func newAudience(t *testing.T, channels int) audience {
	g, err := shm.NewGeometry(44100, 256, channels, 3, 2, 2, 4, false)
	require.NoError(t, err)
	return audience{rig.New(t, g).Player, g}
}

// deliver hands out block n, whose samples all have one value, in a call that
// began at a time and took as long as given.
func (s audience) deliver(n uint64, value float32, at, took int64) {
	d, samples := s.Delivered(n)
	d.Block.Store(0)
	d.EntryNS, d.ReturnNS = at, at+took
	for i := range samples {
		samples[i] = value
	}
	d.Block.Store(n + 1)
	s.Playout.Store(n + 1)
}

func (s audience) heard() (*Levels, *Callback) {
	return heard(s.Player, &s.geo, testNow)
}

func TestLevels(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for name, c := range map[string]struct {
		samples []float32
		want    Levels
	}{
		"silence":          {[]float32{0, 0}, Levels{PeakDBFS: -200, RMSDBFS: -200}},
		"negative zero":    {[]float32{float32(math.Copysign(0, -1))}, Levels{PeakDBFS: -200, RMSDBFS: -200}},
		"full scale":       {[]float32{1, -1}, Levels{PeakDBFS: 0, RMSDBFS: 0}},
		"just below":       {[]float32{0.9999999, -0.9999999}, Levels{PeakDBFS: 0, RMSDBFS: 0}},
		"half, negative":   {[]float32{-0.5, 0}, Levels{PeakDBFS: -6.02, RMSDBFS: -9.03}},
		"over full scale":  {[]float32{2, 2}, Levels{PeakDBFS: 6.02, RMSDBFS: 6.02}},
		"smallest float32": {[]float32{math.SmallestNonzeroFloat32}, Levels{PeakDBFS: -200, RMSDBFS: -200}},
		"largest float32":  {[]float32{math.MaxFloat32}, Levels{PeakDBFS: 770.64, RMSDBFS: 770.64}},
		"some not finite":  {[]float32{nan, 1, inf, -1}, Levels{NotFinite: 2}},
		"none finite":      {[]float32{nan, inf}, Levels{PeakDBFS: -200, RMSDBFS: -200, NotFinite: 2}},
	} {
		var l loudness
		l.add(c.samples)
		got := l.levels()
		require.Equal(t, c.want, got, name)
		text, err := json.Marshal(got)
		require.NoError(t, err, name)
		require.NotContains(t, string(text), ":-0,", name)
	}
}

func TestOnlyTheLastSecondIsHeard(t *testing.T) {
	s := newAudience(t, 2)
	levels, calls := s.heard()
	require.Nil(t, levels, "nothing has played")
	require.Nil(t, calls)

	s.deliver(0, 1, testNow-second-1, 77e6)
	levels, calls = s.heard()
	require.Nil(t, levels, "more than a second ago")
	require.Nil(t, calls)

	block := s.geo.BlockNS()
	for n := range uint64(100) {
		s.deliver(n+1, 0.5, testNow-int64(100-n)*block, int64(n+1)*1000)
	}
	levels, calls = s.heard()
	require.Equal(t, &Levels{PeakDBFS: -6.02, RMSDBFS: -6.02}, levels)
	want := &Callback{Blocks: 100, P50NS: 50e3, P99NS: 99e3, MaxNS: 100e3}
	require.Equal(t, want, calls, "without an anchor no call is late")
}

func TestBlockThatIsBeingWrittenIsLeftOut(t *testing.T) {
	s := newAudience(t, 1)
	s.deliver(0, 0.5, testNow-2, 1000)
	s.deliver(1, 1, testNow-1, 1000)
	d, _ := s.Delivered(1)
	d.Block.Store(0)
	levels, calls := s.heard()
	require.EqualValues(t, -6.02, levels.PeakDBFS)
	require.Equal(t, 1, calls.Blocks)

	d.Block.Store(2)
	d.ReturnNS = 0 // delivered, but the call has not returned
	levels, calls = s.heard()
	require.EqualValues(t, 0, levels.PeakDBFS)
	require.Equal(t, 1, calls.Blocks)
}

// TestRegionThatIsFullIsReadToItsEnd delivers more blocks within a second than
// the region holds.
func TestRegionThatIsFullIsReadToItsEnd(t *testing.T) {
	s := newAudience(t, 1)
	const blocks = shm.DeliveredCount + 100
	for n := range uint64(blocks) {
		s.deliver(n, 0.5, testNow-1000, 1)
	}
	_, calls := s.heard()
	require.InDelta(t, shm.DeliveredCount, calls.Blocks, 3)
}

func TestLatenessIsCountedFromTheGridSinceItsAnchor(t *testing.T) {
	s := newAudience(t, 1)
	const anchor = testNow - second/2
	s.SetAnchor(10, anchor)
	s.OriginAt.Store(10)
	s.deliver(9, 0, anchor, 1) // belongs to the grid before
	for n, late := range []int64{0, 5000, -300, 2000} {
		s.deliver(uint64(10+n), 0, anchor+due(int64(n), &s.geo)+late, 1)
	}
	_, calls := s.heard()
	require.EqualValues(t, 5000, calls.LateMaxNS)
	require.Equal(t, 5, calls.Blocks)
}

func TestMeasurementsAreKeptForAWhile(t *testing.T) {
	g, err := shm.NewGeometry(44100, 256, 1, 3, 2, 2, 4, false)
	require.NoError(t, err)
	s := Sources{Roster: rig.New(t, g).Roster}
	require.Nil(t, s.measure().levels)
	s.measured.levels = &Levels{PeakDBFS: -1}
	s.measured.at = s.measured.at.Add(keepMeasured * 1000) // not old yet
	require.NotNil(t, s.measure().levels, "nothing was computed")
	s.measured.at = s.measured.at.Add(-keepMeasured * 3000)
	require.Nil(t, s.measure().levels)
}
