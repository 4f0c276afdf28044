package worker

import (
	"chronus/engine/internal/ring"
	"chronus/engine/internal/shm"
)

// restateNS is how often an idle worker restates the words of its header, in
// ns. It is below every limit after which the host acts on such a word.
const restateNS = 100e6

// words holds what the header of the worker's ring says, by the only authority
// there is: a stray store into it, of this process or another, must not make a
// spare useless for ever or let the host wait for a worker that has long been
// rendering.
type words struct {
	robust uint32
	state  uint32
	made   uint64 // Published
}

// is changes the worker's state.
func (w *Worker) is(state uint32) {
	w.said.state = state
	w.own.State.Store(state)
}

// restate stores the words again that say something else: once per block, and
// every restateNS while the worker is idle. It leaves the leave notice alone,
// which another thread gives and which is never taken back.
func (w *Worker) restate() {
	s, r := &w.said, w.own
	if r.Robust.Load() != s.robust && s.robust != 0 {
		r.Robust.Store(s.robust)
	}
	if r.State.Load() != s.state {
		r.State.Store(s.state)
		shm.Wake(&r.State)
	}
	if r.Published.Load() != s.made {
		r.Published.Store(s.made)
	}
	if r.CPU.Load() != w.place.cpu {
		r.CPU.Store(w.place.cpu)
	}
	r.Cursor.Store(ring.Cursor(shm.PhaseIdle, w.next))
}
