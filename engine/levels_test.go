//go:build linux

package engine

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/control"
	"chronus/engine/internal/shm"
	"chronus/engine/rig"
)

const testNow = int64(100e9)

// session is a player's region into which blocks are delivered by hand.
type hall struct {
	*shm.Player
	geo shm.Geometry
}

func newHall(t *testing.T, channels int) hall {
	g, err := shm.NewGeometry(44100, 256, channels, 3, 2, 2, 4, false)
	require.NoError(t, err)
	return hall{rig.New(t, g).Player, g}
}

// deliver hands out block n with samples of one value, at a time, in a call that took so long.
func (s hall) deliver(n uint64, value float32, at, took int64) {
	d, samples := s.Delivered(n)
	d.Block.Store(0)
	d.EntryNS, d.ReturnNS = at, at+took
	for i := range samples {
		samples[i] = value
	}
	d.Block.Store(n + 1)
	s.Playout.Store(n + 1)
}

func (s hall) heard() (*control.Levels, *control.Callback) {
	return heard(s.Player, &s.geo, testNow)
}

func TestLevels(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for name, c := range map[string]struct {
		samples []float32
		want    control.Levels
	}{
		"silence":            {[]float32{0, 0}, control.Levels{PeakDBFS: -200, RMSDBFS: -200}},
		"negative zero":      {[]float32{float32(math.Copysign(0, -1))}, control.Levels{PeakDBFS: -200, RMSDBFS: -200}},
		"full scale":         {[]float32{1, -1}, control.Levels{PeakDBFS: 0, RMSDBFS: 0}},
		"just below":         {[]float32{0.9999999, -0.9999999}, control.Levels{PeakDBFS: 0, RMSDBFS: 0}},
		"half, negative":     {[]float32{-0.5, 0}, control.Levels{PeakDBFS: -6.02, RMSDBFS: -9.03}},
		"over full scale":    {[]float32{2, 2}, control.Levels{PeakDBFS: 6.02, RMSDBFS: 6.02}},
		"smallest there is":  {[]float32{math.SmallestNonzeroFloat32}, control.Levels{PeakDBFS: -200, RMSDBFS: -200}},
		"largest there is":   {[]float32{math.MaxFloat32}, control.Levels{PeakDBFS: 770.64, RMSDBFS: 770.64}},
		"some are no number": {[]float32{nan, 1, inf, -1}, control.Levels{NotFinite: 2}},
		"all are no number":  {[]float32{nan, inf}, control.Levels{PeakDBFS: -200, RMSDBFS: -200, NotFinite: 2}},
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
	s := newHall(t, 2)
	levels, calls := s.heard()
	require.Nil(t, levels, "nothing has played")
	require.Nil(t, calls)

	s.deliver(0, 1, testNow-second-1, 77e6)
	levels, calls = s.heard()
	require.Nil(t, levels, "long ago")
	require.Nil(t, calls)

	block := s.geo.BlockNS()
	for n := range uint64(100) {
		s.deliver(n+1, 0.5, testNow-int64(100-n)*block, int64(n+1)*1000)
	}
	levels, calls = s.heard()
	require.Equal(t, &control.Levels{PeakDBFS: -6.02, RMSDBFS: -6.02}, levels)
	require.Equal(t, &control.Callback{Blocks: 100, P50NS: 50e3, P99NS: 99e3, MaxNS: 100e3}, calls, "without an anchor no call is late")
}

func TestBlockThatIsBeingWrittenIsLeftOut(t *testing.T) {
	s := newHall(t, 1)
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

// TestRegionThatIsFullIsReadToItsEnd has blocks so short that a second has more of them than the region holds.
func TestRegionThatIsFullIsReadToItsEnd(t *testing.T) {
	s := newHall(t, 1)
	const blocks = shm.DeliveredCount + 100
	for n := range uint64(blocks) {
		s.deliver(n, 0.5, testNow-1000, 1)
	}
	_, calls := s.heard()
	require.InDelta(t, shm.DeliveredCount, calls.Blocks, 3)
}

func TestLatenessIsCountedFromTheGridSinceItsAnchor(t *testing.T) {
	s := newHall(t, 1)
	const anchor = testNow - second/2
	s.SetAnchor(10, anchor)
	s.OriginAt.Store(10)
	s.deliver(9, 0, anchor, 1) // of the grid before
	for n, late := range []int64{0, 5000, -300, 2000} {
		s.deliver(uint64(10+n), 0, anchor+due(int64(n), &s.geo)+late, 1)
	}
	_, calls := s.heard()
	require.EqualValues(t, 5000, calls.LateMaxNS)
	require.Equal(t, 5, calls.Blocks)
}

func TestFiguresAreKeptForAWhile(t *testing.T) {
	s := newHall(t, 1)
	var f figures
	var st control.Status
	f.fill(&st, s.Player, &s.geo)
	require.Nil(t, st.Levels)
	require.EqualValues(t, 17414965, st.LatencyNS)
	f.levels = &control.Levels{PeakDBFS: -1}
	f.at = f.at.Add(figuresKept * 1000) // not yet old
	f.fill(&st, s.Player, &s.geo)
	require.NotNil(t, st.Levels, "nothing was computed")
	f.at = f.at.Add(-figuresKept * 3000)
	f.fill(&st, s.Player, &s.geo)
	require.Nil(t, st.Levels)
}
