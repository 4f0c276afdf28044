//go:build linux

// Package engine is a fault-tolerant audio engine: it wires host, player and
// workers together, and takes commands by OSC. It must never be in the sound's
// way: whatever the process that it runs in does, waits for or loses, the sound
// goes on.
//
// New checks a configuration, Start starts the processes and returns when the
// first block plays, and Stop fades out and ends them. The engine runs the
// executables chronus-worker and chronus-player, or chronus-portaudio on a
// sound device, which it looks for in Config.Bin.
//
// An engine lives once: after Stop it cannot be started again. It leaves the
// process's signals alone.
package engine

import (
	"errors"
	"net/http"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"chronus/engine/clock"
	"chronus/engine/control"
	"chronus/engine/internal/cmdlog"
	"chronus/engine/internal/phrase"
	"chronus/engine/internal/quiet"
	"chronus/engine/internal/shm"
	"chronus/engine/internal/supervisor"
	"chronus/engine/osc"
	"chronus/engine/patch"
	"chronus/engine/sink"
)

// minProcs is the least GOMAXPROCS that the host runs with, whatever the number
// of CPUs. The watching thread gives its P up while it waits and needs a free
// one to come back with when a worker dies. Meanwhile the spawning thread may
// hold a P from fork to exec, because the runtime is not told of that wait, and
// a garbage collection may hold others. With no P to spare, a wait ended as
// late as the call that held the last one: with GOMAXPROCS=1 and raw calls of 5
// ms, 5.2 ms at the 90th percentile instead of 0.1 ms.
const minProcs = 4

// Errors of a method that was called at the wrong time.
var (
	ErrStarted = errors.New("engine: already started")
	ErrStopped = errors.New("engine: already stopped")
)

// Engine is one run of the engine. Its methods may be called from any
// goroutine, in any order, any number of times.
type Engine struct {
	cfg   Config
	spec  sink.Spec // of the sink that plays: "auto" is settled by New
	patch *patch.Patch
	code  *patch.Compiled
	pool  *supervisor.Pool
	sup   *supervisor.Supervisor
	// What is started: held open, so that a running engine does not care what
	// becomes of the files.
	workerExe, playerExe *supervisor.Executable

	osc     *osc.Server
	ctl     *control.Server
	hub     *control.Hub
	sources *control.Sources
	queue   *cmdlog.Queue
	rec     *recorder
	options sink.Options
	burst   int           // blocks that the device may ask for back to back
	made    []string      // files that New created: removed again if nothing is played
	dropped atomic.Uint64 // commands refused for want of room
	route   *osc.Router
	phrase  *phrase.Phrase // nil: none

	stopRequest chan struct{}
	stopAsked   sync.Once

	stop    sync.Once
	closing chan struct{}
	done    sync.WaitGroup

	mu    sync.Mutex // guards phase, and the regions while they are being read
	phase phase
	final *control.Status // set once the regions are gone
}

type phase int

const (
	built phase = iota
	started
	stopped
)

// New checks everything that can be wrong with cfg and takes what the engine
// needs: the control socket, the OSC port, the tape and the sink's file, the
// memory. After an error, which is always one line, nothing is left behind.
// Otherwise the caller must call Stop, whether or not it calls Start.
func New(cfg Config) (*Engine, error) {
	cfg, err := cfg.Defaults()
	if err != nil {
		return nil, err
	}
	if !shm.Supported() {
		return nil, errors.New("engine: this kernel has no futex_waitv: Chronus needs Linux 5.16 or newer")
	}
	e := &Engine{cfg: cfg, hub: new(control.Hub), closing: make(chan struct{}), stopRequest: make(chan struct{})}
	if err := e.open(); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

// Start starts everything and returns when the first block plays. After an
// error the engine is stopped, unless the error is ErrStarted. Start returns
// ErrStopped if Stop has been called before or is called while Start waits.
func (e *Engine) Start() error {
	if err := e.begin(); err != nil {
		return err
	}
	err := e.sup.Await()
	if err == nil {
		err = e.receive()
	}
	if err == nil {
		return nil
	}
	e.Stop()
	if errors.Is(err, supervisor.ErrStopped) {
		return ErrStopped
	}
	return err
}

// begin starts the processes, and answers on the control socket while they come
// up.
func (e *Engine) begin() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch e.phase {
	case started:
		return ErrStarted
	case stopped:
		return ErrStopped
	}
	e.phase, e.sources.Begun = started, time.Now()
	if runtime.GOMAXPROCS(0) < minProcs {
		runtime.GOMAXPROCS(minProcs)
	}
	// Waiting for a process takes a thread. All are started now, so that their
	// number never changes.
	quiet.Threads(2 * shm.MaxSlots)
	for pattern, h := range e.handlers() {
		e.ctl.Handle(pattern, h)
	}
	e.done.Go(func() {
		if err := e.ctl.Serve(e.Status, e.hub); err != nil {
			e.cfg.Log.Error("control socket", "error", err)
		}
	})
	if e.rec != nil {
		e.rec.start()
	}
	e.sup.Start()
	return nil
}

// receive begins to take commands.
func (e *Engine) receive() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.phase != started {
		return ErrStopped
	}
	e.hub.Publish(control.Event{TNS: clock.Now(), Kind: control.EngineStarted, Slot: -1, PID: os.Getpid()})
	e.done.Go(func() { e.osc.Serve(e.route) })
	e.done.Go(e.complain)
	e.done.Go(e.drain)
	if e.phrase != nil {
		e.done.Go(func() { e.phrase.Run(e.closing) })
	}
	return nil
}

// Failed delivers the error that makes the engine end by itself, if one does:
// once, and never because of a call of Stop. The caller then calls Stop.
func (e *Engine) Failed() <-chan error { return e.sup.Failed() }

// Events returns the hub that the engine's events are published on. It keeps
// the latest ones, so that a subscription can begin with events that came
// before it, even after Stop.
func (e *Engine) Events() *control.Hub { return e.hub }

// OSC returns the address that OSC is received at, as bound: host:port.
func (e *Engine) OSC() string { return e.osc.Addr() }

// Stop fades out, ends every process, finishes the tape and frees everything.
// Without a Start, it frees what New took and removes the files that New
// created. It returns when all that is done, even if another goroutine is doing
// it.
func (e *Engine) Stop() {
	e.stop.Do(func() {
		e.mu.Lock()
		ran := e.phase == started
		e.phase = stopped
		e.mu.Unlock()
		if ran {
			e.end()
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		st := e.sources.Status()
		st.State = control.StateStopped
		e.final = &st
		if ran {
			e.release()
		} else {
			e.close()
		}
	})
}

func (e *Engine) end() {
	_ = e.osc.Close() // no command after this
	e.sup.Stop()
	e.endSink()
	if e.rec != nil {
		e.rec.finish()
	}
	e.hub.Publish(control.Event{
		TNS: clock.Now(), Block: e.pool.Player.Played(), Kind: control.EngineStopped,
		Slot: -1, PID: os.Getpid(),
	})
	close(e.closing)
	_ = e.ctl.Close()
	e.done.Wait()
}

// Abort is for a Stop that takes too long: it kills every process, without a
// fade, and removes the control socket. Then Stop has nothing left to wait for
// but the disk and the readers of events; the program may also just exit.
func (e *Engine) Abort() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.phase == built || e.final != nil {
		return
	}
	e.sup.Abort()
	_ = e.ctl.Remove()
}

// close frees what New has taken if nothing was played, because New failed or
// Stop came first.
func (e *Engine) close() {
	if e.ctl != nil {
		_ = e.ctl.Close()
	}
	if e.osc != nil {
		_ = e.osc.Close()
	}
	if e.rec != nil {
		e.rec.discard()
	}
	for _, path := range slices.Backward(e.made) {
		_ = os.Remove(path)
	}
	e.release()
}

// release frees the regions and the executables.
func (e *Engine) release() {
	if e.pool != nil {
		e.pool.Close()
	}
	for _, exe := range []*supervisor.Executable{e.workerExe, e.playerExe} {
		if exe != nil {
			exe.Close()
		}
	}
}

func (e *Engine) handlers() map[string]http.Handler { return failpointHandlers(e.pool) }
