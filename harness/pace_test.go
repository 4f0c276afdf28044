package harness

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/tape"
	"chronus/harness/oracle"
	"chronus/harness/report"
)

// paced is n blocks whose callbacks are entered off by ppm of their pace and late by up to late ns.
func paced(n int, ppm float64, late int64) []oracle.Delivered {
	rng := rand.New(rand.NewPCG(1, 2))
	index := make([]oracle.Delivered, n)
	for i := range index {
		at := float64(i) * frames / rate * 1e9 / (1 + ppm/1e6)
		entry := 1_000_000_000 + int64(at) + rng.Int64N(late+1)
		index[i] = oracle.Delivered{Block: uint64(i), EntryNS: entry, ReturnNS: entry + 7000}
	}
	return index
}

const blockSeconds = float64(frames) / rate

func ppm(t *testing.T, index []oracle.Delivered) float64 {
	t.Helper()
	v, ok := driftPPM(index, blockSeconds)
	require.True(t, ok)
	return v
}

func TestDriftIsTheSlopeWhateverIsLate(t *testing.T) {
	require.InDelta(t, 0, ppm(t, paced(1000, 0, 0)), 0.01)
	require.InDelta(t, 250, ppm(t, paced(1000, 250, 0)), 0.1)
	require.InDelta(t, -50, ppm(t, paced(2000, -50, 100_000)), 5)
	index := paced(1000, 0, 0)
	for i := 300; i < 400; i++ {
		index[i].EntryNS += 40_000_000 // the machine stood still
	}
	require.InDelta(t, 0, ppm(t, index), 5)
	for i := range index { // late more often than not
		if i%5 > 0 {
			index[i].EntryNS += int64(i) * 30_000
		}
	}
	require.InDelta(t, 0, ppm(t, index), 5)
	_, ok := driftPPM(paced(driftLeast*driftSpan-1, 900, 0), blockSeconds)
	require.False(t, ok, "too short to tell")
}

func TestLatenessIsCountedFromTheEarliestEntry(t *testing.T) {
	index := paced(10, 0, 0)
	for i := range index {
		index[i].EntryNS += 50_000
	}
	index[3].EntryNS -= 50_000
	index[7].EntryNS += 200_000
	late := behind(index, blockSeconds)
	require.InDelta(t, 0, late[3], 1e-8)
	require.InDelta(t, 50e-6, late[0], 1e-8)
	require.InDelta(t, 250e-6, late[7], 1e-8)
}

func TestPaceStartsAnewAtEveryAnchor(t *testing.T) {
	index := paced(1200, 0, 0)
	for i := 600; i < 1200; i++ {
		index[i].EntryNS += 80_000_000
	}
	index[600].Flags = tape.FlagXrun
	require.Len(t, anchored(index), 2)
	run := &report.Run{Engine: report.Engine{Frames: frames, Rate: rate}}
	pace(run, &oracle.Result{Index: index})
	for name, want := range map[string]float64{report.Drift: 0, report.EntryLateP99: 0, report.CallbackP99: 7000, report.CallbackMax: 7000} {
		v, ok := run.Value(name)
		require.True(t, ok, name)
		require.InDelta(t, want, v, 0.05, name)
	}
	_, ok := run.Value(report.FailoverCallMax)
	require.False(t, ok, "nobody switched")
	require.False(t, math.IsNaN(run.Values[report.EntryLateP99]))

	run = &report.Run{Engine: report.Engine{Frames: frames, Rate: rate}}
	pace(run, &oracle.Result{Index: paced(driftLeast*driftSpan-1, 0, 0)})
	_, ok = run.Value(report.Drift)
	require.False(t, ok, "a drift that nobody could see is not none")

	run = &report.Run{}
	pace(run, &oracle.Result{})
	require.Empty(t, run.Values, "nothing was delivered")
}
