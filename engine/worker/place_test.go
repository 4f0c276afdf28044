package worker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/internal/shm"
)

// TestOnlyTheLastToComeIsSurplus: if more workers than replicas render, the
// ones activated last give way, however late the others are, as long as those
// make progress. To one that stands still no worker gives way.
func TestOnlyTheLastToComeIsSurplus(t *testing.T) {
	const lead = 3
	s := newSession(t, lead, 1)
	for slot := range 3 {
		s.spawn(slot)
	}
	out := make([]float32, s.Host.Geo.Samples())
	play := func(slots ...int) {
		for _, slot := range slots {
			s.step(slot)
		}
		s.play(out)
	}
	surplus := func() (is []int) {
		for slot := range 3 {
			if s.workers[slot].place.surplus() {
				is = append(is, slot)
			}
		}
		return is
	}
	play(0, 1, 2)
	require.Equal(t, []int{2}, surplus(), "all keep up")

	// 1 falls further behind than the lead but keeps working: 2 stays surplus.
	for range lead + 2 {
		play(0, 2)
	}
	surplus()
	require.NoError(t, s.workers[1].Step())
	require.Equal(t, []int{2}, surplus(), "late is not dead")

	// 1 stands still for longer than any worker may.
	for slot := range 3 {
		s.workers[slot].place.others[1].progressed -= (lead + 2) * s.Host.Geo.BlockNS()
	}
	require.Empty(t, surplus(), "2 is needed")

	// A worker that is activated observes the others anew: their progress
	// before its activation counts for nothing.
	s.Kill(0)
	s.workers[2].place.others = [shm.MaxSlots]progress{}
	require.Empty(t, surplus())
}
