// Package roster reads from shared memory which workers render, which are idle
// and which are gone, and holds the one rule by which the host and the callback
// pick the next spare. Either may act at any time and neither waits for the
// other, so both must reach the same answer from the same words. Except for
// Open, the package must not allocate or make a system call.
package roster

import "chronus/engine/internal/shm"

// Roster is a view of all slots.
type Roster struct {
	Host   *shm.Host
	Player *shm.Player
	Rings  []*shm.Ring
}

// Term returns the activation that is in force for a slot: the greater of the
// host's and the player's.
func (r *Roster) Term(slot int) uint32 {
	return max(r.Host.Slots[slot].Activate.Load(), r.Player.Slots[slot].Activate.Load())
}

// Wanted reports whether the slot's worker is meant to render.
func (r *Roster) Wanted(slot int) bool { return r.Term(slot) > r.Host.Slots[slot].Idle.Load() }

// Activation returns the word that makes the slot's worker render.
func (r *Roster) Activation(slot int) uint32 { return r.Host.Slots[slot].Idle.Load() + 1 }

// Alive reports whether the slot has a worker that is mapped, has not been seen
// to die and has given no leave notice. What the ring says of itself is not
// enough: the kernel does not mark the robust futex of a worker that has
// damaged it.
func (r *Roster) Alive(slot int) bool {
	ring, host := r.Rings[slot], &r.Host.Slots[slot]
	reaped := host.Reaped.Load()
	return shm.Alive(ring.Robust.Load()) && ring.Leave.Load() == 0 &&
		(reaped == 0 || reaped != host.Generation.Load())
}

// Claims returns the number of blocks that the slot's worker claims to have
// made, sealed being the number that exist; 0 if the claim is absurd. It is
// good enough to judge whether a worker that renders keeps up, since that one
// states it anew with every block. What a ring really holds, ring.Reader finds
// out.
func (r *Roster) Claims(slot int, sealed uint64) uint64 {
	if n := r.Rings[slot].Published.Load(); n <= sealed {
		return n
	}
	return 0
}

// Renders reports whether the slot's worker is alive and meant to render.
func (r *Roster) Renders(slot int) bool { return r.Alive(slot) && r.Wanted(slot) }

// Idle reports whether the slot's worker is a ready spare.
func (r *Roster) Idle(slot int) bool {
	return r.Alive(slot) && r.Rings[slot].State.Load() == shm.StateIdle && !r.Wanted(slot)
}

// ActivatedNS returns when the slot's worker was activated, the earlier time if
// both host and callback did it.
func (r *Roster) ActivatedNS(slot int) int64 {
	host, player, term := &r.Host.Slots[slot], &r.Player.Slots[slot], r.Term(slot)
	switch {
	case host.Activate.Load() != term:
		return player.AtNS.Load()
	case player.Activate.Load() != term:
		return host.AtNS.Load()
	}
	return min(host.AtNS.Load(), player.AtNS.Load())
}

// Spare returns the slot of the idle worker to activate next, which is the
// lowest one; -1 if no worker is idle.
func (r *Roster) Spare() int {
	for slot := range r.Rings {
		if r.Idle(slot) {
			return slot
		}
	}
	return -1
}
