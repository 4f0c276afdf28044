package roster_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/rig"
	"chronus/engine/shm"
)

func TestSpareIsTheLowestIdleOneOnAnotherProcessor(t *testing.T) {
	g, err := shm.NewGeometry(44100, 16, 1, 3, 2, 2, 0, true)
	require.NoError(t, err)
	r := rig.New(t, g)
	require.Equal(t, -1, r.Spare(), "nobody there")
	for slot := range 4 {
		r.Own(slot, shm.StateIdle)
		r.Host.Slots[slot].CPU.Store(int32(slot % 2))
	}
	require.Equal(t, 0, r.Spare())
	r.Activate(0)
	require.True(t, r.Renders(0))
	require.False(t, r.Idle(0))
	require.Equal(t, 1, r.Spare(), "1 is on another processor than 0")
	r.Activate(1)
	require.Equal(t, 2, r.Spare(), "both processors are taken: the lowest")
	r.Kill(0)
	require.False(t, r.Renders(0))
	require.Equal(t, 2, r.Spare(), "the dead one's processor is free")
	r.Own(0, shm.StateIdle)
	r.Kill(1)
	require.Equal(t, 3, r.Spare(), "so is the other")
	r.Rings[3].Leave.Store(1)
	require.Equal(t, 2, r.Spare(), "who leaves is no spare")
	r.Rings[2].State.Store(shm.StateStarting)
	require.Equal(t, -1, r.Spare(), "who is not ready is none either, nor who renders")
}

func TestIdleAgainIsASpareThatEitherMayActivate(t *testing.T) {
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
