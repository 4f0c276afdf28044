package supervisor

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"chronus/engine/clock"
	"chronus/engine/control"
	"chronus/engine/internal/failpoint"
	"chronus/engine/internal/policy"
	"chronus/engine/internal/process"
	"chronus/engine/internal/ring"
)

// slot is what the loop holds about the worker that owns a ring. Since of its
// Info is when its state last changed.
type slot struct {
	process.Info
	proc     *os.Process
	reported bool   // its end was
	ordered  bool   // its end was ordered by the host
	early    bool   // it died before it was ready
	role     string // when its end became known
	promoted int64  // the activation whose first block was reported
	progress progress
	oomScore int           // as it was set
	waited   time.Duration // observed since State last changed
	newest   uint64        // of a worker that was reaped: see Pool.newest
}

// exit is a wait status.
type exit struct {
	slot       int // -1: the player
	generation uint32
	state      *os.ProcessState
	ns         int64
}

// start starts a worker in a slot that has no process and whose ring is no
// longer needed.
func (s *Supervisor) start(i int) {
	s.generation++
	gen := s.generation
	if err := s.pool.recycle(i, gen); err != nil {
		s.slots[i] = slot{} // its ring is of no use until it can be made new
		s.workerFailed(gen, err)
		return
	}
	now := time.Now()
	s.slots[i] = slot{Info: process.Info{State: process.Starting, Generation: gen, Begun: now, Since: now}}
	s.look()
	s.spawn.jobs <- job{
		exe:    s.cfg.Worker,
		args:   []string{fmt.Sprint(i), fmt.Sprint(gen)},
		files:  s.pool.workerFiles(i),
		env:    s.childEnv(),
		stderr: newStderr(s.cfg.Log, "role", "worker", "slot", i, "generation", gen),
		done:   func(p *os.Process, err error) { s.spawned(i, gen, p, err) },
	}
}

// workerFailed records a worker that could not be started or died before it was
// ready.
func (s *Supervisor) workerFailed(gen uint32, why error) {
	s.policy.WorkerFailed(s.failure(gen, s.generation, why), s.observed)
	s.unstartable(why)
}

// unstartable logs that a process could not be started or died before it was of
// use.
func (s *Supervisor) unstartable(why error) {
	s.unstarted.add(s.observed, func(n int, _ int64) {
		s.cfg.Log.Warn("cannot start a process, trying again", "role", "host", "pid", os.Getpid(),
			"error", why, "failures", n)
	})
}

func (s *Supervisor) failure(gen, newest uint32, why error) policy.Failure {
	return policy.Failure{Generation: gen, Newest: newest, Why: why, Lasting: lasting(why)}
}

// spawned runs on the spawning thread. It publishes the event before anything
// else, so that no event of the new process can precede it.
func (s *Supervisor) spawned(i int, gen uint32, p *os.Process, err error) {
	if err != nil {
		s.asks <- func() {
			s.slots[i] = slot{}
			s.workerFailed(gen, err)
		}
		return
	}
	s.publishAs(i, gen, p.Pid, control.Event{TNS: clock.Now(), Kind: control.WorkerSpawned})
	s.asks <- func() {
		w := &s.slots[i]
		w.proc, w.PID = p, p.Pid
		if s.workers++; s.workers > uint64(int(s.pool.Host.Geo.Replicas)+s.cfg.Spares) {
			s.restarted++
		}
		if w.Hung || s.stopping {
			_ = p.Kill()
		}
	}
	go s.reap(i, gen, p)
}

func (s *Supervisor) reap(i int, gen uint32, p *os.Process) {
	st, err := p.Wait()
	if err != nil {
		s.cfg.Log.Error("cannot wait for a process", "slot", i, "pid", p.Pid, "generation", gen, "error", err)
	}
	s.exits <- exit{slot: i, generation: gen, state: st, ns: clock.Now()}
}

// note handles what the watching thread saw.
func (s *Supervisor) note(n note) {
	if n.kind == notePlayer {
		s.playerEvents()
		return
	}
	w := &s.slots[n.slot]
	if w.Generation != n.owner {
		return
	}
	switch n.kind {
	case noteDied:
		s.end(n.slot, n.ns)
		if w.proc != nil {
			_ = w.proc.Kill() // the thread is gone; the rest of the process must go too
		}
	case noteLeave:
		s.leave(n.slot, n.ns)
	case noteReady:
		if w.State == process.Starting {
			w.State, w.Since, w.waited = process.Live, time.Now(), 0
			if n := s.policy.WorkerReady(w.Generation); n > 0 {
				s.unstarted.drop()
				s.unready += n
			}
			s.publish(n.slot, control.Event{TNS: n.ns, Kind: control.WorkerReady})
			s.log(n.slot, slog.LevelDebug, "ready")
		}
	case noteRender:
		s.promoted(n.slot)
	}
}

// promoted reports that a spare published its first block, once per activation.
func (s *Supervisor) promoted(i int) {
	w, r := &s.slots[i], s.pool.Rings[i]
	at := s.pool.ActivatedNS(i)
	if !s.pool.Wanted(i) { // the word for its state was damaged, or it is idle again
		return
	}
	if w.promoted == at || w.State == process.Free || w.State == process.Exited {
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
		s.failover.PromoteNS = r.FirstNS.Load() - at
	}
	e := control.Event{TNS: clock.Now(), Kind: control.WorkerPromoted, By: by}
	if first := r.FirstNS.Load(); at > 0 && at <= first && first <= e.TNS {
		e.KnownNS, e.FirstNS = at, first // of a worker whose words were damaged, neither is known
	}
	s.publish(i, e)
	s.log(i, slog.LevelInfo, "renders", "first_block", r.FirstAt.Load(),
		"after_us", (r.FirstNS.Load()-at)/1000, "restored_us", (r.ActiveNS.Load()-at)/1000)
}

// end records that a worker's end became known. The end is reported together
// with its wait status, as soon as there is one.
func (s *Supervisor) end(i int, ns int64) {
	w := &s.slots[i]
	if w.State != process.Starting && w.State != process.Live {
		return
	}
	w.role = s.role(i)
	w.Phase = ring.Phase(s.pool.Rings[i].Cursor.Load())
	w.early = w.State == process.Starting
	w.State, w.Since, w.waited, w.KnownNS = process.Down, time.Now(), 0, ns
	if !w.ordered && !s.stopping && !s.failover.Mending {
		s.failover.Mending, s.mendFrom = true, ns
	}
	s.disarm(uint32(i))
}

// leave records a worker's leave notice, once.
func (s *Supervisor) leave(i int, ns int64) {
	w := &s.slots[i]
	if w.Leaving || w.ordered || s.stopping {
		return
	}
	w.Leaving = true
	s.end(i, ns)
	s.publish(i, control.Event{TNS: ns, Kind: control.WorkerLeaving, Cause: "signal: terminated"})
}

// report publishes worker_down, once.
func (s *Supervisor) report(i int, cause string) {
	w := &s.slots[i]
	if w.reported {
		return
	}
	w.reported, w.Cause = true, cause
	if w.ordered {
		return
	}
	s.publish(i, control.Event{TNS: w.KnownNS, Kind: control.WorkerDown, Cause: cause, Phase: w.Phase})
	if s.stopping || w.early {
		return // a user who stops the engine needs no line per worker; workerFailed has one for early deaths
	}
	s.cfg.Log.Warn("worker down", "role", w.role, "slot", i, "pid", w.PID, "generation", w.Generation,
		"cause", cause, "while", w.Phase, "lost_frames", s.cost())
}

// exit handles a wait status: the sure path, after which a ring has no writer
// any more.
func (s *Supervisor) exit(e exit) {
	if e.slot < 0 {
		s.playerExit(e)
		return
	}
	w := &s.slots[e.slot]
	if w.Generation != e.generation {
		return
	}
	s.pool.reap(e.slot, e.generation)
	s.fill()
	if s.pool.Rings[e.slot].Leave.Load() != 0 {
		s.leave(e.slot, e.ns) // the worker exited before the watching thread read its notice
	}
	s.end(e.slot, e.ns)
	cause := describe(e.state)
	if w.Leaving && cause == "exit status 0" {
		cause = "signal: terminated"
	}
	s.report(e.slot, cause)
	if !w.ordered {
		s.publish(e.slot, control.Event{TNS: e.ns, Kind: control.WorkerExited, Cause: cause})
	}
	w.State, w.Since, w.waited, w.proc = process.Exited, time.Now(), 0, nil
	w.newest = s.pool.newest(e.slot, true)
	if w.early && !w.ordered && !s.stopping {
		s.workerFailed(w.Generation, fmt.Errorf("worker pid %d: %s", w.PID, cause))
	}
}

func describe(st *os.ProcessState) string {
	if st == nil {
		return "unknown" // something else reaped the process
	}
	return st.String()
}

// disarm clears a failpoint that has done its work, before another process owns
// the slot.
func (s *Supervisor) disarm(slot uint32) {
	if failpoint.Enabled && s.pool.Host.Failpoint.Load()>>32 == uint64(slot) {
		s.pool.Host.Failpoint.Store(0)
	}
}
