//go:build linux

// Package rig is what tests of the engine stand on: its regions laid out in one
// process, its executables, a patch compiled from text, and what it logged and
// played. Only tests and benchmarks may import it: within a test, one process
// writes every region.
package rig

import (
	"os"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"chronus/engine/clock"
	"chronus/engine/internal/ring"
	"chronus/engine/internal/roster"
	"chronus/engine/internal/shm"
)

// Rig holds the regions, all of them writable.
type Rig struct {
	roster.Roster
	RingFiles []*os.File
}

// New creates the regions for a geometry and frees them when the test ends.
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

// Own makes a slot look as if a live worker in the given state owned it.
func (r *Rig) Own(slot int, state uint32) {
	r.Rings[slot].Robust.Store(uint32(slot+1) | shm.FutexWaiters)
	r.Rings[slot].State.Store(state)
}

// Seal seals the next block with everything that is in the log, as the callback
// does, and returns its number.
func (r *Rig) Seal() uint64 {
	b := r.Player.Sealed.Load()
	s := &r.Player.Seals[b%shm.SealCount]
	s.Prev.Store(b)
	s.Word.Store(shm.SealWord(r.Host.Stamp.Fold(), b, b, r.Host.Head.Load()))
	r.Player.Sealed.Store(b + 1)
	return b
}

// Play hands out every block below count, as silence.
func (r *Rig) Play(count uint64) {
	for b := r.Player.Playout.Load(); b < count; b++ {
		d, _ := r.Player.Delivered(b)
		d.Block.Store(b + 1)
		r.Player.Playout.Store(b + 1)
	}
}

// Publish puts a silent block into the ring of a slot.
func (r *Rig) Publish(slot int, block uint64) {
	g := r.Host.Geo
	ring.Publish(r.Rings[slot], r.Host.Stamp.Fold(), ring.Block{Number: block, Prev: block},
		make([]float32, g.Samples()), make([]uint64, g.StateWords))
}

// Flip flips one bit of a word of a region; slot picks the ring. Of the seals
// it is the newest.
func (r *Rig) Flip(w shm.Word, slot, bit int) {
	var header unsafe.Pointer
	switch w.Region {
	case "host":
		header = unsafe.Pointer(r.Host.HostRegion)
	case "player":
		header = unsafe.Pointer(r.Player.PlayerRegion)
	default:
		header = unsafe.Pointer(r.Rings[slot].RingRegion)
	}
	if w.Count > 0 { // the newest seal
		newest := r.Player.Sealed.Load() - 1
		header = unsafe.Add(header, int(newest%uint64(w.Count))*w.Stride)
	}
	*(*byte)(unsafe.Add(header, w.Offset+bit/8)) ^= 1 << (bit % 8)
}

// Kill makes a slot look as if the kernel had marked it because the worker's
// thread exited.
func (r *Rig) Kill(slot int) {
	r.Rings[slot].Robust.Store(r.Rings[slot].Robust.Load() | shm.FutexOwnerDied)
}

// Activate tells the worker of a slot to render, as the host does.
func (r *Rig) Activate(slot int) {
	r.Host.Slots[slot].Activate.Store(r.Activation(slot))
	r.Host.Slots[slot].AtNS.Store(clock.Now())
}
