package supervisor

import (
	"runtime"

	"chronus/engine/clock"
	"chronus/engine/internal/shm"
)

// noteKind is what the watching thread saw.
type noteKind int

const (
	noteDied   noteKind = iota // the kernel marked the robust futex: the process is exiting
	noteLeave                  // the leave notice
	noteReady                  // mapped and idle
	noteRender                 // published its first block since it was activated
	notePlayer                 // the callback left events
)

type note struct {
	kind noteKind
	slot int
	// owner is the generation of the process meant: the slot may have another
	// one by the time the note is read.
	owner uint32
	ns    int64
}

const (
	// watchWait is the longest that the watching thread waits, in ns, so that
	// it can be seen when it comes late.
	watchWait = 50e6
	// watchLate is how much later than that it may look, in ns, before nothing
	// can be concluded about other threads: it runs above every worker, so
	// what kept it may have kept them.
	watchLate = 50e6
)

// watch waits for the words that announce that a worker died, leaves, is ready
// or renders, and for the callback's events. It runs on a thread of its own
// above the renderers. It does at once what cannot wait, which is to activate a
// spare, and leaves the rest to the loop. It waits through read-only mappings,
// on all words in one futex_waitv.
//
// The Go scheduler can see this wait. While the thread kept its P instead, each
// garbage collection had to wait for the thread to come back before it could
// stop the world, and so had everything else in the host: commands were up to
// 45 ms late, and once in a hundred times a death was known up to 4 ms late.
func (s *Supervisor) watch() {
	defer close(s.watched)
	runtime.LockOSThread()
	if s.pool.Host.Geo.Fifo != 0 {
		_ = shm.Fifo(0, shm.PriorityHost)
	}
	type seen struct{ owner, robust, leave, state uint32 }
	known := make([]seen, len(s.pool.Rings))
	set := shm.NewWaitSet(3*len(known) + 2)
	events := uint64(0)
	for last := clock.Now(); !s.closed.Load(); {
		set.Reset()
		set.Add(&s.nudge, s.nudge.Load())
		now := clock.Now()
		if now-last > watchWait+watchLate {
			s.overslept.Store(true)
		}
		last = now
		for slot, r := range s.pool.Rings {
			is := seen{
				s.pool.Host.Slots[slot].Generation.Load(), r.Robust.Load(), r.Leave.Load(), r.State.Load(),
			}
			was := known[slot]
			if is.owner != was.owner {
				was = seen{} // another process: its words are not compared with its predecessor's
			}
			known[slot] = is
			set.Add(&r.Robust, is.robust)
			set.Add(&r.Leave, is.leave)
			set.Add(&r.State, is.state)
			// The notice comes first: by the time it is read, the worker that
			// gave it has often exited.
			if is.leave != 0 && was.leave == 0 {
				s.fill()
				s.notes <- note{noteLeave, slot, is.owner, now}
			}
			if shm.Died(is.robust) && !shm.Died(was.robust) {
				s.fill()
				s.notes <- note{noteDied, slot, is.owner, now}
			}
			if is.state == was.state {
				continue
			}
			if was.state == shm.StateStarting { // it may already be activated and restoring
				s.fill()
				s.notes <- note{noteReady, slot, is.owner, now}
			}
			if is.state == shm.StateRendering {
				s.notes <- note{noteRender, slot, is.owner, now}
			}
		}
		if e := s.pool.Player.Events.Load(); e != events {
			events = e
			s.notes <- note{notePlayer, -1, 0, now}
		}
		set.Add(shm.Low(&s.pool.Player.Events), uint32(events))
		set.Park(watchWait)
	}
}

// look makes the watching thread look again, because a ring's words were
// rewritten without a wake.
func (s *Supervisor) look() {
	s.nudge.Add(1)
	shm.Wake(&s.nudge)
}

// fill activates spares until as many workers are meant to render as there are
// replicas. It replaces dead workers only; the callback judges which ones are
// late.
func (s *Supervisor) fill() {
	s.roll.Lock()
	defer s.roll.Unlock()
	if s.halting.Load() {
		return
	}
	have := 0
	for slot := range s.pool.Rings {
		if s.pool.Renders(slot) {
			have++
		}
	}
	for ; have < int(s.pool.Host.Geo.Replicas); have++ {
		slot := s.pool.Spare()
		if slot < 0 {
			return
		}
		h := &s.pool.Host.Slots[slot]
		h.AtNS.Store(clock.Now())
		h.Activate.Store(s.pool.Activation(slot))
		shm.Wake(&h.Activate)
	}
}
