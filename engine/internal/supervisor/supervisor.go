// Package supervisor starts and watches the workers and the player, activates spares, replaces what dies, and gives up
// with a clear error when nothing helps. It never blocks and is never in the sound's way: while it does nothing at all,
// the callback and the spares carry on by themselves.
//
// Three goroutines: a spawning thread (spawn.go), a watching thread that waits for deaths in shared memory and activates
// spares at once (watch.go), and the loop, which owns all other state: it takes what they and the processes' ends tell it
// (slot.go, player.go), and looks for what nobody tells (tick.go).
package supervisor

import (
	"errors"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"chronus/engine/clock"
	"chronus/engine/control"
	"chronus/engine/internal/shm"
	"chronus/engine/sink"
)

// Config is what a supervisor needs.
type Config struct {
	Pool   *Pool
	Spares int
	Worker string // path of the worker's executable
	Player string // path of the player's
	Sink   sink.Spec
	// PlayerArgs are the player's arguments.
	PlayerArgs []string
	Env        []string // of all processes, beside the host's own
	// AnyRate is set if the user named a device and no rate: the engine is to be
	// started again at the device's.
	AnyRate bool
	Publish func(control.Event)
	Log        *slog.Logger
}

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
	xruns      int    // since the last line about them
	xrunSaid   time.Time
	played     bool // playing is closed
	heardOf    bool // a device has played
	restarted  uint64
	surplus    uint64 // sealed blocks when more than the replicas were first seen to keep up
}

// New is a supervisor whose processes are not started yet.
func New(cfg Config) *Supervisor {
	s := &Supervisor{
		cfg: cfg, pool: cfg.Pool, slots: make([]slot, len(cfg.Pool.Rings)),
		notes: make(chan note, 4096), exits: make(chan exit, 64), asks: make(chan func(), 64),
		playing: make(chan struct{}), ended: make(chan struct{}), watched: make(chan struct{}), failed: make(chan error, 1),
		events: cfg.Pool.Player.Events.Load(),
	}
	if cfg.Sink.Device {
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

// halt begins the end: the player fades out, then the workers go. Nothing is started any more.
func (s *Supervisor) halt() {
	if s.stopping {
		return
	}
	s.stopping, s.halted = true, time.Now()
	s.halting.Store(true)
	s.stopPlayer()
}

// gone says whether the end has begun and every process has been reaped; on the way there it ends the workers when the player
// has gone.
func (s *Supervisor) gone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping || s.player.state != free {
		return false
	}
	all := true
	for i := range s.slots {
		w := &s.slots[i]
		if w.state == free || w.state == exited {
			continue
		}
		all = false
		if w.proc != nil && !w.ordered {
			w.ordered = true
			_ = w.proc.Kill()
		}
	}
	return all
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

// cost is how many frames were lost since everything was whole last.
func (s *Supervisor) cost() uint64 { return s.pool.Player.Lost.Load() - s.calmLost }

// ms is a time for people, to a hundredth of a millisecond.
func ms(ns int64) float64 { return float64(ns/1e4) / 100 }

// mended reports that there are as many workers and spares as before the deaths that were being mended.
func (s *Supervisor) mended() {
	now := clock.Now()
	s.mending, s.figures.MendNS = false, now-s.mendFrom
	s.publish(-1, control.Event{TNS: now, Kind: control.RedundancyRestored})
	s.cfg.Log.Info("redundancy restored", "role", "host", "pid", os.Getpid(), "took_ms", ms(s.figures.MendNS), "lost_frames", s.cost())
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
