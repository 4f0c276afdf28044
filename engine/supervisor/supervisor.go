// Package supervisor starts and watches the workers and the player, activates spares, replaces what dies, and gives up
// with a clear error when nothing helps. It never blocks and is never in the sound's way: while it does nothing at all,
// the callback and the spares carry on by themselves.
//
// Three goroutines: a spawning thread, a watching thread that waits for deaths in shared memory and activates spares at
// once, and the loop, which owns all other state.
package supervisor

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"chronus/engine/control"
	"chronus/engine/failpoint"
	"chronus/engine/ring"
	"chronus/engine/shm"
)

// Config is what a supervisor needs.
type Config struct {
	Pool   *Pool
	Spares int
	Worker string // path of the worker's executable
	Player string // path of the player's
	Sink   string // as it is named in messages
	// PlayerArgs are the player's arguments. Device says that it has a device, or waits for one.
	PlayerArgs []string
	Device     bool
	Env        []string // of all processes, beside the host's own
	Publish    func(control.Event)
	Log        *slog.Logger
}

const (
	tickEvery = 20 * time.Millisecond
	// startLimit is how long a process may take to be of use.
	startLimit = 5 * time.Second
	// reapLimit is how long a known death may wait for its wait status before it is reported without.
	reapLimit = time.Second
	// leaveLimit is how long a worker may take to go after its leave notice.
	leaveLimit = time.Second
	// fadeLimit is how long the player may take to fade out.
	fadeLimit = 500 * time.Millisecond
	// surplusBlocks is how long more workers than replicas must have rendered before one is made idle again.
	surplusBlocks = 64
)

// Supervisor runs the processes of one engine.
type Supervisor struct {
	cfg   Config
	pool  *Pool
	spawn *spawner

	nudge   atomic.Uint32
	closed  atomic.Bool // the watching thread ends
	halting atomic.Bool // nobody is activated any more
	// overslept: the watching thread came late since the last tick. The loop itself does not count: of normal priority, it is late
	// whenever the machine is busy, while the workers are not.
	overslept atomic.Bool
	roll      sync.Mutex // who is activated and who is made idle, by this process
	notes     chan note
	exits     chan exit
	asks      chan func()
	playing   chan struct{} // the first block was handed out
	ended     chan struct{} // the loop has returned
	watched   chan struct{} // the watching thread has
	failed    chan error    // holds the error that ended the engine

	mu         sync.Mutex // slots and player, for Status
	slots      []slot
	player     playerProc
	generation uint32
	restarts   restarts
	mending    bool
	mendFrom   int64            // the first death of those being mended was known, ns
	calmLost   uint64           // frames lost when everything was whole last
	figures    control.Failover // last of each kind
	stopping   bool
	aborted    bool
	halted     time.Time
	events     uint64 // of the callback, read
	played     bool   // playing is closed
	restarted  uint64
	surplus    uint64 // sealed blocks when more than the replicas were first seen to keep up
}

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

type exit struct {
	slot       int // -1: the player
	generation uint32
	state      *os.ProcessState
	ns         int64
}

// New is a supervisor whose processes are not started yet.
func New(cfg Config) *Supervisor {
	s := &Supervisor{
		cfg: cfg, pool: cfg.Pool, slots: make([]slot, len(cfg.Pool.Rings)),
		notes: make(chan note, 4096), exits: make(chan exit, 64), asks: make(chan func(), 64),
		playing: make(chan struct{}), ended: make(chan struct{}), watched: make(chan struct{}), failed: make(chan error, 1),
		events: cfg.Pool.Player.Events.Load(),
	}
	if cfg.Device {
		s.player.device = control.Device{State: control.DeviceWaiting}
	}
	return s
}

// ErrStopped is what Await returns when Stop came first.
var ErrStopped = errors.New("supervisor: stopped before the first block")

// Start starts the workers and, once the replicas render and the spares are ready, the player. It does not wait for them.
// Call it once.
func (s *Supervisor) Start() {
	s.spawn = newSpawner()
	go s.watch()
	go s.loop()
}

// Await returns when the first block was handed out, or with what ended the engine before that.
func (s *Supervisor) Await() error {
	select {
	case <-s.playing:
		return nil
	case <-s.ended:
	}
	select {
	case err := <-s.failed:
		s.failed <- err // for Failed
		return err
	default:
		return ErrStopped
	}
}

// Failed holds the error that ends the engine, if one does.
func (s *Supervisor) Failed() <-chan error { return s.failed }

// Stop lets the player fade out, ends all processes and waits for them and for the threads that Start began. Call it once.
func (s *Supervisor) Stop() {
	select {
	case s.asks <- s.halt:
	case <-s.ended:
	}
	<-s.ended
	s.closed.Store(true)
	s.look()
	for over := false; !over; {
		select {
		case <-s.notes: // so that the watching thread never waits for somebody to read them
		case <-s.watched:
			over = true
		}
	}
	s.spawn.close()
}

// Abort kills every process now: nothing fades. For a Stop that takes too long, which then returns.
func (s *Supervisor) Abort() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.halt()
	s.aborted = true
	if s.player.proc != nil {
		_ = s.player.proc.Kill()
	}
	for i := range s.slots {
		if w := &s.slots[i]; w.proc != nil {
			w.ordered = true
			_ = w.proc.Kill()
		}
	}
}

func (s *Supervisor) loop() {
	defer close(s.ended)
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	last := time.Now()
	s.reconcile()
	for {
		select {
		case n := <-s.notes:
			s.mu.Lock()
			s.note(n)
		case e := <-s.exits:
			s.mu.Lock()
			s.catchUp()
			s.exit(e)
		case ask := <-s.asks:
			s.mu.Lock()
			ask()
		case <-tick.C:
			s.mu.Lock()
			now := time.Now()
			s.tick(now, now.Sub(last))
			last = now
		}
		s.mu.Unlock()
		s.reconcile()
		if s.gone() {
			return
		}
	}
}

// catchUp takes the notes there are: what was seen of a process before it was reaped comes first.
func (s *Supervisor) catchUp() {
	for {
		select {
		case n := <-s.notes:
			s.note(n)
		default:
			return
		}
	}
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
	s.publish(i, control.Event{TNS: shm.Now(), Kind: control.WorkerPromoted, KnownNS: at, FirstNS: r.FirstNS.Load(), By: by})
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

// cost is how many frames were lost since everything was whole last.
func (s *Supervisor) cost() uint64 { return s.pool.Player.Lost.Load() - s.calmLost }

// ms is a time for people, to a hundredth of a millisecond.
func ms(ns int64) float64 { return float64(ns/1e4) / 100 }

// mended reports that there are as many workers and spares as before the deaths that were being mended.
func (s *Supervisor) mended() {
	now := shm.Now()
	s.mending, s.figures.MendNS = false, now-s.mendFrom
	s.publish(-1, control.Event{TNS: now, Kind: control.RedundancyRestored})
	s.cfg.Log.Info("redundancy restored", "role", "host", "pid", os.Getpid(), "took_ms", ms(s.figures.MendNS), "lost_frames", s.cost())
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

// tick does what no event asks for: hangs, processes that do not start or do not go, workers more than needed.
func (s *Supervisor) tick(now time.Time, dt time.Duration) {
	late := s.overslept.Swap(false)
	sealed := s.pool.Player.Sealed.Load()
	for i := range s.slots {
		w := &s.slots[i]
		switch w.state {
		case starting:
			if now.Sub(w.since) > startLimit && !w.hung {
				w.hung = true
				s.publish(i, control.Event{TNS: shm.Now(), Kind: control.WorkerHung, Cause: "not ready in time"})
				if w.proc != nil { // else it is killed as soon as it is there
					_ = w.proc.Kill()
				}
			}
		case live:
			// a worker that is restoring publishes nothing, so both count
			done := s.pool.Rings[i].Published.Load()
			if !s.pool.Wanted(i) {
				done = sealed
			}
			if w.progress.observe(done, sealed, dt, s.pool.hangLimit(), late) && !w.hung {
				w.hung = true
				s.publish(i, control.Event{
					TNS: shm.Now(), Kind: control.WorkerHung, Cause: "no progress for " + s.pool.hangLimit().String(),
					Phase: ring.Phase(s.pool.Rings[i].Cursor.Load()),
				})
				s.log(i, slog.LevelWarn, "hung, killing it", "blocks_behind", sealed-done)
				_ = w.proc.Kill()
			}
			if now.Sub(w.since) > longPause {
				s.restarts.worked()
			}
		case down:
			if !w.reported && now.Sub(w.since) > reapLimit {
				s.report(i, "exiting")
			}
			if now.Sub(w.since) > leaveLimit && w.proc != nil {
				_ = w.proc.Kill()
			}
		}
	}
	s.playerTick(now, dt, late)
	s.retire(sealed)
}

// retire makes a worker idle again when more than the replicas have rendered for a while: one was late and came back. It is
// the last one to be activated, but neither the one that is heard nor one that stands still: that one's affair is the hang.
func (s *Supervisor) retire(sealed uint64) {
	pick, newest, have := -1, int64(0), 0
	for i := range s.slots {
		if s.slots[i].state != live || !s.pool.Renders(i) {
			continue
		}
		have++
		at := s.pool.ActivatedNS(i)
		if at > newest && int32(i) != s.pool.Player.Primary.Load() && s.slots[i].progress.idle == 0 {
			pick, newest = i, at
		}
	}
	if have <= int(s.pool.Host.Geo.Replicas) {
		s.surplus = sealed
		return
	}
	if sealed-s.surplus < surplusBlocks || pick < 0 {
		return
	}
	s.surplus = sealed
	s.roll.Lock()
	s.pool.Host.Slots[pick].Idle.Store(s.pool.Term(pick))
	s.roll.Unlock()
	s.publish(pick, control.Event{TNS: shm.Now(), Kind: control.WorkerRetired})
	s.log(pick, slog.LevelInfo, "idle again: more workers than replicas rendered")
}

// reconcile starts what is missing and notices when nothing is.
func (s *Supervisor) reconcile() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return
	}
	geo := &s.pool.Host.Geo
	want := int(geo.Replicas) + s.cfg.Spares
	have, rendering, idle, stuck := 0, 0, 0, false
	for i := range s.slots {
		stuck = stuck || s.slots[i].progress.idle > 0
		if st := s.slots[i].state; st == starting || st == live {
			have++
		}
		switch {
		case s.slots[i].state != live:
		case s.pool.Idle(i):
			idle++
		case s.pool.Renders(i) && (s.pool.Rings[i].State.Load() == shm.StateRendering || s.player.state == free):
			rendering++
		}
	}
	for ; have < want && s.restarts.ready(time.Now()); have++ {
		if !s.start() {
			break
		}
	}
	whole := rendering >= int(geo.Replicas) && rendering+idle >= want
	if whole && s.player.state == free {
		s.startPlayer()
	}
	if whole && s.mending {
		s.mended()
	}
	if whole && !stuck {
		s.calmLost = s.pool.Player.Lost.Load()
	}
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
			done: func(p *os.Process, err error) { s.spawned(i, gen, p, err) },
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
	s.publishAs(i, gen, p.Pid, control.Event{TNS: shm.Now(), Kind: control.WorkerSpawned})
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
	s.exits <- exit{slot: i, generation: gen, state: st, ns: shm.Now()}
}

// fail ends the engine with err, unless it is ending already.
func (s *Supervisor) fail(err error) {
	if s.stopping {
		return
	}
	select {
	case s.failed <- err:
		s.cfg.Log.Error("giving up", "error", err)
	default:
	}
	s.halt()
}

// disarm forgets a failpoint that has done its work, before anybody else owns the slot.
func (s *Supervisor) disarm(slot uint32) {
	if failpoint.Enabled && s.pool.Host.Failpoint.Load()>>32 == uint64(slot) {
		s.pool.Host.Failpoint.Store(0)
	}
}
