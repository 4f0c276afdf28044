package worker

import (
	"chronus/engine/clock"
	"chronus/engine/internal/failpoint"
	"chronus/engine/internal/ring"
	"chronus/engine/internal/roster"
	"chronus/engine/internal/shm"
)

// restore replaces the worker's state by one that a ring holds or, before any
// block was published, by the program's initial one. It reports whether it
// found a state; if not, no entry verifies yet.
func (w *Worker) restore() bool {
	w.own.State.Store(shm.StateRestoring)
	failpoint.Hit(failpoint.RestoreStart)
	w.own.Cursor.Store(ring.Cursor(shm.PhaseRestoring, w.next))
	failpoint.Hit(failpoint.RestoreCursor)
	w.fresh = true
	next, cutoff, found := w.source.find(w.spare)
	if found {
		w.state, w.spare = w.spare, w.state
		w.next, w.cutoff = next, cutoff
	}
	failpoint.Hit(failpoint.RestoreState)
	w.own.ActiveNS.Store(clock.Now())
	failpoint.Hit(failpoint.RestoreTime)
	w.own.Restores.Add(1)
	failpoint.Hit(failpoint.RestoreCount)
	return found
}

// source searches the rings for a state that a worker can go on from. It
// allocates nothing.
type source struct {
	roster.Roster
	fold    uint64
	initial []uint64 // the state before block 0
	header  shm.EntryHeader
	samples []float32 // of a copied entry; nothing else uses them
}

// newest returns how many blocks the most advanced ring claims to hold.
func (s *source) newest() uint64 {
	n := uint64(0)
	for _, r := range s.Rings {
		n = max(n, r.Published.Load())
	}
	return n
}

// find copies into the given arena a state that verifies, from any ring, and
// returns the block that follows it and the number of commands that it
// contains. It prefers the state before the newest block, so that there is a
// block to render at once and to compare with the other replica's; next the
// newest state, which it also takes first after an outage; then older ones. If
// no block was ever published, it is the program's initial state. If nothing
// verifies, find reports false and the arena holds garbage.
func (s *source) find(into []uint64) (next, cutoff uint64, ok bool) {
	newest := s.newest()
	if newest == 0 {
		copy(into, s.initial)
		return 0, 0, true
	}
	found := s.cheap(newest) && newest > 1 && s.copyState(newest-1, into) || s.copyState(newest, into)
	for have := newest - 1; !found && have > 1 && newest-have < uint64(s.Host.Geo.Ring); have-- {
		found = s.copyState(have-1, into)
	}
	if !found {
		return 0, 0, false
	}
	return s.header.Block, s.header.Cutoff, true
}

// copyState copies a state that contains have blocks and reports whether the
// copy verified. A state on a branch that an outage ended is not copied.
func (s *source) copyState(have uint64, into []uint64) bool {
	skip := s.Player.SkipTo.Load()
	if skip > 0 && have <= skip && have > s.Player.Seals[skip%shm.SealCount].Prev.Load() {
		return false
	}
	for _, r := range s.Rings {
		if r.Published.Load() >= have && ring.CopyState(r, s.fold, have-1, &s.header, s.samples, into) {
			return true
		}
	}
	return false
}

// cheap reports whether there is time to render the newest block once more: no
// worker is far behind and, by the render time in its entry, the block takes
// less than an eighth of its duration.
func (s *source) cheap(newest uint64) bool {
	if s.Player.Sealed.Load() >= newest+s.Host.Geo.Behind() {
		return false
	}
	for _, r := range s.Rings {
		if e, _, _ := r.Entry(newest - 1); newest > 0 && e.Block == newest {
			return e.RenderNS < s.Host.Geo.BlockNS()/8
		}
	}
	return false
}
