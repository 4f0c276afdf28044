package supervisor

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"chronus/engine/clock"
	"chronus/engine/control"
	"chronus/engine/internal/failpoint"
	"chronus/engine/internal/ring"
)

// slotState is how far the process in a slot has come.
type slotState int

const (
	free slotState = iota
	starting
	live
	down   // known to be dead or leaving, not reaped
	exited // reaped; its ring may still be needed
)

// slot is what the loop knows of the process that owns a ring.
type slot struct {
	state      slotState
	proc       *os.Process
	pid        int
	generation uint32
	begun      time.Time // the process
	since      time.Time // state
	knownNS    int64     // when its end was known
	reported   bool      // its end is
	cause      string
	phase      string
	ordered    bool
	hung       bool
	leaving    bool
	role       string // when its end was known
	promoted   int64  // activation that was reported
	progress   progress
}

// exit is a wait status.
type exit struct {
	slot       int // -1: the player
	generation uint32
	state      *os.ProcessState
	ns         int64
}

// start puts a new worker into a slot whose ring nobody needs. False: there is none yet.
func (s *Supervisor) start() bool {
	for i := range s.slots {
		w := &s.slots[i]
		if w.state != free && (w.state != exited || !s.pool.drained(i)) {
			continue
		}
		if s.generation >= uint32(int(s.pool.Host.Geo.Replicas)+s.cfg.Spares) {
			s.restarted++
		}
		s.generation++
		gen := s.generation
		if err := s.pool.recycle(i, gen); err != nil {
			s.fail(err)
			return false
		}
		now := time.Now()
		*w = slot{state: starting, generation: gen, begun: now, since: now}
		s.look()
		s.spawn.jobs <- job{
			path: s.cfg.Worker, args: []string{fmt.Sprint(i), fmt.Sprint(gen)}, files: s.pool.workerFiles(i), env: s.childEnv(),
			stderr: newStderr(s.cfg.Log, "role", "worker", "slot", i, "generation", gen),
			done:   func(p *os.Process, err error) { s.spawned(i, gen, p, err) },
		}
		return true
	}
	return false
}

// spawned runs on the spawning thread. The event comes first, so that none of the process's own can precede it.
func (s *Supervisor) spawned(i int, gen uint32, p *os.Process, err error) {
	if err != nil {
		s.asks <- func() {
			s.slots[i].state = free
			s.fail(err)
		}
		return
	}
	s.publishAs(i, gen, p.Pid, control.Event{TNS: clock.Now(), Kind: control.WorkerSpawned})
	s.asks <- func() {
		w := &s.slots[i]
		w.proc, w.pid = p, p.Pid
		if w.hung || s.stopping {
			_ = p.Kill()
		}
	}
	go s.reap(i, gen, p)
}

func (s *Supervisor) reap(i int, gen uint32, p *os.Process) {
	st, err := p.Wait()
	if err != nil {
		s.cfg.Log.Error("wait for a process", "slot", i, "pid", p.Pid, "generation", gen, "error", err)
	}
	s.exits <- exit{slot: i, generation: gen, state: st, ns: clock.Now()}
}

// note takes what the watching thread saw.
func (s *Supervisor) note(n note) {
	if n.kind == notePlayer {
		s.playerEvents()
		return
	}
	w := &s.slots[n.slot]
	if w.generation != n.owner {
		return
	}
	switch n.kind {
	case noteDied:
		s.end(n.slot, n.ns)
		if w.proc != nil {
			_ = w.proc.Kill() // the thread is gone; whatever is left of the process must go too
		}
	case noteLeave:
		s.leave(n.slot, n.ns)
	case noteReady:
		if w.state == starting {
			w.state, w.since = live, time.Now()
			s.publish(n.slot, control.Event{TNS: n.ns, Kind: control.WorkerReady})
			s.log(n.slot, slog.LevelDebug, "ready")
		}
	case noteRender:
		s.promoted(n.slot)
	}
}

// promoted reports that a spare has published its first block, once an activation.
func (s *Supervisor) promoted(i int) {
	w, r := &s.slots[i], s.pool.Rings[i]
	at := s.pool.ActivatedNS(i)
	if w.promoted == at || w.state == free || w.state == exited {
		return
	}
	w.promoted = at
	by := "host"
	if s.pool.Player.Slots[i].AtNS.Load() == at {
		by = "callback"
	}
	if r.FirstAt.Load() == 0 {
		by = "start"
	} else {
		s.figures.PromoteNS = r.FirstNS.Load() - at
	}
	s.publish(i, control.Event{TNS: clock.Now(), Kind: control.WorkerPromoted, KnownNS: at, FirstNS: r.FirstNS.Load(), By: by})
	s.log(i, slog.LevelInfo, "renders", "first_block", r.FirstAt.Load(), "after_us", (r.FirstNS.Load()-at)/1000, "restored_us", (r.ActiveNS.Load()-at)/1000)
}

// end notes that a worker's end is known. It is reported with its wait status, as soon as there is one.
func (s *Supervisor) end(i int, ns int64) {
	w := &s.slots[i]
	if w.state != starting && w.state != live {
		return
	}
	w.role = s.role(i)
	w.phase = ring.Phase(s.pool.Rings[i].Cursor.Load())
	w.state, w.since, w.knownNS = down, time.Now(), ns
	if !w.ordered && !s.stopping && !s.mending {
		s.mending, s.mendFrom = true, ns
	}
	s.disarm(uint32(i))
}

// leave notes a worker's leave notice, once.
func (s *Supervisor) leave(i int, ns int64) {
	w := &s.slots[i]
	if w.leaving || w.ordered || s.stopping {
		return
	}
	w.leaving = true
	s.end(i, ns)
	s.publish(i, control.Event{TNS: ns, Kind: control.WorkerLeaving, Cause: "signal: terminated"})
}

// report publishes worker_down, once.
func (s *Supervisor) report(i int, cause string) {
	w := &s.slots[i]
	if w.reported {
		return
	}
	w.reported, w.cause = true, cause
	if w.ordered {
		return
	}
	s.publish(i, control.Event{TNS: w.knownNS, Kind: control.WorkerDown, Cause: cause, Phase: w.phase})
	if s.stopping {
		return // whoever stops everything needs no line for each
	}
	s.cfg.Log.Warn("worker down", "role", w.role, "slot", i, "pid", w.pid, "generation", w.generation, "cause", cause,
		"while", w.phase, "lost_frames", s.cost())
}

// exit takes a wait status: the sure path, after which a ring has no writer any more.
func (s *Supervisor) exit(e exit) {
	if e.slot < 0 {
		s.playerExit(e)
		return
	}
	w := &s.slots[e.slot]
	if w.generation != e.generation {
		return
	}
	early := w.state == starting
	s.fill()
	if s.pool.Rings[e.slot].Leave.Load() != 0 {
		s.leave(e.slot, e.ns) // gone before the watching thread had read its notice
	}
	s.end(e.slot, e.ns)
	cause := describe(e.state)
	if w.leaving && cause == "exit status 0" {
		cause = "signal: terminated"
	}
	s.report(e.slot, cause)
	if !w.ordered {
		s.publish(e.slot, control.Event{TNS: e.ns, Kind: control.WorkerExited, Cause: cause})
	}
	w.state, w.since, w.proc = exited, time.Now(), nil
	if early && !w.ordered && !s.stopping && !s.restarts.fail(time.Now()) {
		s.fail(fmt.Errorf("supervisor: %d workers in a row died before they were ready, the last (pid %d) with %s", maxFailed, w.pid, cause))
	}
}

func describe(st *os.ProcessState) string {
	if st == nil {
		return "unknown" // somebody else reaped it
	}
	return st.String()
}

// disarm forgets a failpoint that has done its work, before anybody else owns the slot.
func (s *Supervisor) disarm(slot uint32) {
	if failpoint.Enabled && s.pool.Host.Failpoint.Load()>>32 == uint64(slot) {
		s.pool.Host.Failpoint.Store(0)
	}
}
