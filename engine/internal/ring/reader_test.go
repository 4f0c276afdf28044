package ring_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/internal/ring"
)

func TestReaderFindsTheNewestBlockWhateverTheRingClaims(t *testing.T) {
	r, g := small(t)
	fold := r.Host.Stamp.Fold()
	v := ring.NewReader(g, fold)
	own := r.Rings[0]
	require.Zero(t, v.Newest(own, 1000))
	own.Published.Store(7)
	require.Zero(t, v.Newest(own, 1000), "it holds nothing")
	for n := range uint64(100) {
		b, samples, state := block(g, n)
		ring.Publish(own, fold, b, samples, state)
	}
	for bit := range 64 {
		own.Published.Store(100 ^ 1<<bit)
		require.EqualValues(t, 100, v.Newest(own, 103), "bit %d", bit)
	}
	own.Published.Store(100)
	_, samples, _ := own.Entry(99)
	samples[3] = -1
	require.EqualValues(t, 99, v.Newest(own, 103), "the newest is damaged")
	_, _, state := own.Entry(98)
	state[0] ^= 1
	require.EqualValues(t, 99, v.Newest(own, 103), "its sound is whole")
	require.False(t, v.HoldsState(own, 98))
	require.True(t, v.HoldsState(own, 97))
	require.EqualValues(t, 98, v.Before(own, 99))
	require.Zero(t, testing.AllocsPerRun(10, func() { v.Newest(own, 103) }))
	require.Zero(t, ring.NewReader(g, fold+1).Newest(own, 103), "of another engine")
}
