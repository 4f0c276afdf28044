// Package supervisor starts and watches the workers and the player, activates
// spares, replaces processes that die, and gives up with a clear error when
// nothing helps. It must never block or be in the sound's way: while it does
// nothing at all, the callback and the spares carry on by themselves.
//
// It has three goroutines: a spawning thread (spawn.go); a watching thread that
// waits for deaths in shared memory and activates spares at once (watch.go);
// and the loop, which owns all other state. The loop handles what these two and
// the ends of processes report (slot.go, player.go, device.go), looks for what
// no event announces (tick.go), and starts what is missing, as package policy
// decides (mend.go).
package supervisor

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"chronus/engine/control"
	"chronus/engine/internal/policy"
	"chronus/engine/internal/process"
	"chronus/engine/sink"
)

// Config configures a Supervisor.
type Config struct {
	Pool   *Pool
	Spares int
	Worker *Executable
	Player *Executable
	Sink   sink.Spec
	// PlayerArgs are the player's arguments.
	PlayerArgs []string
	Env        []string // of all processes, in addition to the user's; see quiet.Environ
	// AnyRate is set if the user named a device and no rate: the engine is to
	// be started again at the device's.
	AnyRate bool
	Publish func(control.Event)
	Log     *slog.Logger
}

// Supervisor runs the processes of one engine.
type Supervisor struct {
	cfg   Config
	pool  *Pool
	spawn *spawner

	nudge   atomic.Uint32
	closed  atomic.Bool // the watching thread is to end
	halting atomic.Bool // no worker is activated any more
	// overslept is set when the watching thread has come late since the last
	// tick. Lateness of the loop itself does not count: it has normal priority
	// and is late whenever the machine is busy, while the workers are not.
	overslept atomic.Bool
	roll      sync.Mutex // held while this process activates a worker or makes one idle
	notes     chan note
	exits     chan exit
	asks      chan func()
	playing   chan struct{} // closed when the first block was handed out
	ended     chan struct{} // closed when the loop has returned
	watched   chan struct{} // closed when the watching thread has returned
	failed    chan error    // holds the error that ended the engine

	mu         sync.Mutex // guards everything below, for Inspect
	slots      []slot
	player     playerProc
	generation uint32
	workers    uint64 // started
	policy     *policy.Policy
	observed   time.Duration    // time since the start, as far as the loop ran
	mendFrom   int64            // when the first death of those being mended became known, ns
	calmLost   uint64           // frames lost when everything was last whole
	failover   control.Failover // the last of each kind
	stopping   bool
	aborted    bool
	halted     time.Time
	events     uint64 // of the callback, read so far
	lost       tally
	xruns      tally
	unstarted  tally // processes
	unready    int   // workers that could not be started, since everything was last whole
	played     bool  // playing is closed
	audible    bool  // a device has played
	restarted  uint64
	surplus    uint64 // sealed blocks when more workers than replicas were first seen to keep up
	burden     burden
}

// New returns a supervisor whose processes are not started yet.
func New(cfg Config) *Supervisor {
	cfg.Log = slog.New(limit(cfg.Log.Handler()))
	s := &Supervisor{
		cfg: cfg, pool: cfg.Pool, slots: make([]slot, len(cfg.Pool.Rings)),
		notes: make(chan note, 4096), exits: make(chan exit, 64), asks: make(chan func(), 64),
		playing: make(chan struct{}), ended: make(chan struct{}), watched: make(chan struct{}),
		failed: make(chan error, 1),
		events: cfg.Pool.Player.Events.Load(), unstarted: tally{lasts: true},
	}
	geo := &cfg.Pool.Host.Geo
	s.policy = policy.New(policy.Config{
		Replicas: int(geo.Replicas), Spares: cfg.Spares, Lead: int(geo.Lead), Block: time.Duration(geo.BlockNS()),
	})
	if cfg.Sink.Device {
		s.player.device = control.Device{State: control.DeviceWaiting}
	}
	return s
}

// ErrStopped is what Await returns if Stop came first.
var ErrStopped = errors.New("supervisor: stopped before the first block")

// Start starts the workers and, once the replicas render and the spares are
// ready, the player. It does not wait for them. Call it once.
func (s *Supervisor) Start() {
	s.spawn = newSpawner()
	go s.watch()
	go s.loop()
}

// Await returns nil when the first block was handed out, or the error that
// ended the engine before that.
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

// Failed returns a channel that holds the error that ends the engine, if one
// does.
func (s *Supervisor) Failed() <-chan error { return s.failed }

// Stop lets the player fade out, ends all processes and waits for them and for
// the threads that Start began. Call it once.
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
		case <-s.notes: // so that the watching thread never blocks on a full channel
		case <-s.watched:
			over = true
		}
	}
	s.spawn.close()
}

// Abort kills every process now, without a fade. It is for a Stop that takes
// too long, which then returns.
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

// catchUp handles the notes that are waiting, because what was seen of a
// process before it was reaped comes first.
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

// halt begins the end: the player fades out, then the workers are killed. No
// process is started any more.
func (s *Supervisor) halt() {
	if s.stopping {
		return
	}
	s.stopping, s.halted = true, time.Now()
	s.halting.Store(true)
	s.stopPlayer()
}

// gone reports whether the end has begun and every process has been reaped. As
// soon as the player has gone, it kills the workers.
func (s *Supervisor) gone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping || s.player.State != process.Free {
		return false
	}
	all := true
	for i := range s.slots {
		w := &s.slots[i]
		if w.State == process.Free || w.State == process.Exited {
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
