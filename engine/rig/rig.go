//go:build linux

// Package rig lays the regions of an engine out in one process, for the tests of the parts that share them. Nothing but
// tests imports it: here one process writes everything.
package rig

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/clock"
	"chronus/engine/internal/roster"
	"chronus/engine/internal/shm"
)

// Rig is the regions, all of them writable.
type Rig struct {
	roster.Roster
	RingFiles []*os.File
}

// New makes the regions for a geometry. They go with the test.
func New(t testing.TB, g shm.Geometry) *Rig {
	t.Helper()
	stamp := shm.NewStamp(7)
	hostFile, host, err := shm.CreateHost(g, stamp)
	require.NoError(t, err)
	playerFile, ro, err := shm.CreatePlayer(g, stamp)
	require.NoError(t, err)
	require.NoError(t, ro.Close())
	player, err := shm.OpenPlayer(playerFile, host, true)
	require.NoError(t, err)
	r := &Rig{Roster: roster.Roster{Host: host, Player: player}}
	t.Cleanup(func() {
		for i, ring := range r.Rings {
			_ = ring.Close()
			_ = r.RingFiles[i].Close()
		}
		_ = host.Close()
		_ = player.Close()
		_ = hostFile.Close()
		_ = playerFile.Close()
	})
	for slot := range int(g.Slots) {
		f, ro, err := shm.CreateRing(slot, g, stamp)
		require.NoError(t, err)
		require.NoError(t, ro.Close())
		ring, err := shm.OpenRing(f, host, true)
		require.NoError(t, err)
		r.RingFiles, r.Rings = append(r.RingFiles, f), append(r.Rings, ring)
	}
	return r
}

// Own makes the slot look like that of a live worker in a state.
func (r *Rig) Own(slot int, state uint32) {
	r.Rings[slot].Robust.Store(uint32(slot+1) | shm.FutexWaiters)
	r.Rings[slot].State.Store(state)
}

// Kill makes the slot look like that of a worker whose thread the kernel has seen die.
func (r *Rig) Kill(slot int) {
	r.Rings[slot].Robust.Store(r.Rings[slot].Robust.Load() | shm.FutexOwnerDied)
}

// Activate makes the host want the slot's worker to render.
func (r *Rig) Activate(slot int) {
	r.Host.Slots[slot].Activate.Store(r.Activation(slot))
	r.Host.Slots[slot].AtNS.Store(clock.Now())
}
