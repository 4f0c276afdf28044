package roster_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/internal/shm"
	"chronus/engine/rig"
)

func TestSpareIsTheLowestIdleOne(t *testing.T) {
	g, err := shm.NewGeometry(44100, 16, 1, 3, 2, 2, 0, true)
	require.NoError(t, err)
	r := rig.New(t, g)
	require.Equal(t, -1, r.Spare(), "no worker is there")
	for slot := range 4 {
		r.Own(slot, shm.StateIdle)
	}
	require.Equal(t, 0, r.Spare())
	r.Activate(0)
	require.True(t, r.Renders(0))
	require.False(t, r.Idle(0))
	require.Equal(t, 1, r.Spare())
	r.Kill(0)
	require.False(t, r.Renders(0))
	r.Kill(1)
	require.Equal(t, 2, r.Spare(), "a dead worker is not a spare")
	r.Rings[2].Leave.Store(1)
	require.Equal(t, 3, r.Spare(), "nor is one that leaves")
	r.Rings[3].State.Store(shm.StateStarting)
	require.Equal(t, -1, r.Spare(), "nor one that is not ready")
}

func TestWorkerMadeIdleCanBeActivatedByHostAndCallback(t *testing.T) {
	g, err := shm.NewGeometry(44100, 16, 1, 3, 2, 2, 0, false)
	require.NoError(t, err)
	r := rig.New(t, g)
	r.Own(0, shm.StateIdle)
	for range 3 {
		r.Activate(0)
		require.True(t, r.Wanted(0))
		r.Host.Slots[0].Idle.Store(r.Term(0))
		require.False(t, r.Wanted(0))
		require.Equal(t, 0, r.Spare())
		r.Player.Slots[0].Activate.Store(r.Activation(0)) // the callback this time
		require.True(t, r.Wanted(0))
		r.Host.Slots[0].Idle.Store(r.Term(0))
		require.False(t, r.Wanted(0))
	}
}

func TestFirstActivationCounts(t *testing.T) {
	g, err := shm.NewGeometry(44100, 16, 1, 3, 2, 2, 0, false)
	require.NoError(t, err)
	r := rig.New(t, g)
	host, player := &r.Host.Slots[1], &r.Player.Slots[1]
	host.AtNS.Store(100)
	host.Activate.Store(1)
	require.EqualValues(t, 100, r.ActivatedNS(1))
	player.AtNS.Store(150)
	player.Activate.Store(1)
	require.EqualValues(t, 100, r.ActivatedNS(1), "the callback did the same, but later")
	host.Idle.Store(1)
	player.AtNS.Store(900)
	player.Activate.Store(2)
	require.EqualValues(t, 900, r.ActivatedNS(1), "the host's word belongs to the previous activation")
}
