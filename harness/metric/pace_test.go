package metric

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/tape"
	"chronus/harness/oracle"
	"chronus/harness/record"
)

// paced returns n blocks whose callbacks are entered at a pace that is off by
// ppm, each late by up to late ns.
func paced(n int, ppm float64, late int64) []oracle.Delivered {
	rng := rand.New(rand.NewPCG(1, 2))
	index := make([]oracle.Delivered, n)
	for i := range index {
		at := float64(i) * testFrames / testRate * 1e9 / (1 + ppm/1e6)
		entry := 1_000_000_000 + int64(at) + rng.Int64N(late+1)
		index[i] = oracle.Delivered{Block: uint64(i), EntryNS: entry, ReturnNS: entry + 7000}
	}
	return index
}

const (
	testFrames   = 256
	testRate     = 44100
	blockSeconds = float64(testFrames) / testRate
)

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
	require.False(t, ok, "too short")
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

// judged returns an engine process of which only the tape is there.
func judged(index []oracle.Delivered) *Judged {
	rec := &record.Record{}
	rec.Engine.Frames, rec.Engine.Rate = testFrames, testRate
	return &Judged{Record: rec, Truth: &oracle.Result{Index: index}}
}

// taken returns a metric's value; false: it was not measured.
func taken(j *Judged, name string) (float64, bool) {
	m, _ := Lookup(name)
	return m.Value(j)
}

func TestPaceStartsAnewAtEveryAnchor(t *testing.T) {
	index := paced(1200, 0, 0)
	for i := 600; i < 1200; i++ {
		index[i].EntryNS += 80_000_000
	}
	index[600].Flags = tape.FlagXrun
	require.Len(t, anchored(index), 2)
	for name, want := range map[string]float64{Drift: 0, EntryLateP99: 0, CallbackP99: 7000, CallbackMax: 7000} {
		v, ok := taken(judged(index), name)
		require.True(t, ok, name)
		require.InDelta(t, want, v, 0.05, name)
	}
	_, ok := taken(judged(index), FailoverCallMax)
	require.False(t, ok, "no call switched")
	index[7].Flags, index[7].ReturnNS = tape.FlagSwitched, index[7].EntryNS+9000
	v, ok := taken(judged(index), FailoverCallMax)
	require.True(t, ok)
	require.Equal(t, 9000.0, v)

	_, ok = taken(judged(paced(driftLeast*driftSpan-1, 0, 0)), Drift)
	require.False(t, ok, "a drift that no part is long enough to show is not a drift of 0")
	for _, name := range []string{Drift, EntryLateP99, CallbackP99, CallbackMax, FailoverCallMax, Start} {
		_, ok = taken(judged(nil), name)
		require.False(t, ok, "nothing was delivered")
		_, ok = taken(&Judged{Record: &record.Record{}}, name)
		require.False(t, ok, "the truth could not be told")
	}
}
