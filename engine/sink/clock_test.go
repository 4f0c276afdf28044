package sink

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"chronus/engine/clock"
	"chronus/engine/internal/shm"
)

func TestGridNeverDrifts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := Grid{
			Rate: rapid.Uint64Range(8000, 384000).Draw(t, "rate"), Frames: rapid.Uint64Range(16, 8192).Draw(t, "frames"),
			At: rapid.Uint64Range(0, 1<<32).Draw(t, "at"), NS: rapid.Int64Range(0, 1<<50).Draw(t, "ns"),
		}
		n := rapid.Uint64Range(0, 1<<30).Draw(t, "blocks") // two months and more
		exact := new(big.Int).SetUint64(n)
		exact.Mul(exact, new(big.Int).SetUint64(g.Frames*1e9))
		exact.Div(exact, new(big.Int).SetUint64(g.Rate))
		require.Equal(t, exact.Int64(), g.Due(g.At+n)-g.NS)
	})
}

// source counts calls and can delay one.
type source struct {
	next  uint64
	stall map[uint64]int64 // ns before the block's call returns
	last  uint64
	xruns []int64
}

func (s *source) Next() uint64  { return s.next }
func (s *source) Dry()          {}
func (s *source) Xrun(ns int64) { s.xruns = append(s.xruns, ns) }

func (s *source) Callback([]float32) bool {
	if ns := s.stall[s.next]; ns > 0 {
		clock.SleepUntil(clock.Now() + ns)
	}
	s.next++
	return s.next <= s.last
}

func TestCallLaterThanTheLeadAnchorsAnewAndLosesNothing(t *testing.T) {
	g, err := shm.NewGeometry(44100, 256, 1, 2, 1, 0, 0, false)
	require.NoError(t, err)
	late := 10 * int64(g.Lead) * g.BlockNS() // far more than a busy machine is late by itself
	src := &source{last: 9, stall: map[uint64]int64{4: late}}
	var grids []Grid
	Clock(src, g, nil, func(g Grid) { grids = append(grids, g) })
	require.EqualValues(t, 10, src.next, "every block once")
	require.NotEmpty(t, src.xruns)
	require.Len(t, grids, 1+len(src.xruns), "an anchor each")
	longest := 0
	for i, ns := range src.xruns {
		require.Greater(t, ns, int64(g.Lead)*g.BlockNS())
		require.Equal(t, grids[i].Due(grids[i+1].At)+ns, grids[i+1].NS, "the time skipped is what was reported")
		if ns > src.xruns[longest] {
			longest = i
		}
	}
	require.EqualValues(t, 5, grids[longest+1].At, "anchored at the block that came late")
}
