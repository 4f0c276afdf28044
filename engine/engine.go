//go:build linux

// Package engine is a fault-tolerant audio engine: it wires host, player and workers together, and takes commands by OSC. It must
// never be in the sound's way: whatever the process that it runs in does, waits for or loses, the sound goes on.
//
// New checks a configuration, Start starts the processes and returns when the first block plays, Stop fades out and ends
// them. The engine runs the executables chronus-worker and chronus-player, or chronus-portaudio on a sound device, which it looks
// for in Config.Bin.
//
// An engine lives once: what was stopped is not started again. It leaves the process's signals alone.
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
	"chronus/engine/internal/quiet"
	"chronus/engine/internal/shm"
	"chronus/engine/internal/supervisor"
	"chronus/engine/osc"
	"chronus/engine/patch"
)

const minProcs = 4

// What a method returns that came at the wrong time.
var (
	ErrStarted = errors.New("engine: it was started before")
	ErrStopped = errors.New("engine: it has been stopped")
)

// Engine is one run of the engine. Its methods may be called from any goroutine, in any order, any number of times.
type Engine struct {
	cfg     Config
	patch   *patch.Patch
	code    *patch.Compiled
	pool    *supervisor.Pool
	sup     *supervisor.Supervisor
	osc     *osc.Server
	ctl     *control.Server
	hub     *control.Hub
	sources *control.Sources
	queue   *cmdlog.Queue
	rec     *recorder
	burst   int           // blocks that the device may ask for back to back
	made    []string      // files that are there only because of New: gone again if nothing is played
	dropped atomic.Uint64 // commands refused for want of room
	phrase  *phrase       // nil: none

	stopRequest chan struct{}
	stopAsked   sync.Once

	stop    sync.Once
	closing chan struct{}
	done    sync.WaitGroup

	mu    sync.Mutex // phase, and the regions while somebody looks at them
	phase phase
	final *control.Status // set once the regions are gone
}

type phase int

const (
	built phase = iota
	started
	stopped
)

// New checks everything that can be wrong about cfg and takes what the engine needs: the control socket, the OSC port, the
// tape and the sink's file, the memory. On an error nothing is left behind. Every error is one line. Without an error the
// caller must call Stop, started or not.
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

// Start starts everything and returns when the first block plays. After an error the engine is stopped, unless the error is
// ErrStarted. A Stop that comes while it waits makes it return ErrStopped, as does one that came before.
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

// begin starts the processes, and answers on the control socket while they come up.
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
	// One P is the watching thread's, who never gives it back while it waits.
	if runtime.GOMAXPROCS(0) < minProcs {
		runtime.GOMAXPROCS(minProcs)
	}
	quiet.Threads(2 * shm.MaxSlots) // each process that is waited for holds one; then their number is the same for good
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

// receive takes commands from here on.
func (e *Engine) receive() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.phase != started {
		return ErrStopped
	}
	e.hub.Publish(control.Event{TNS: clock.Now(), Kind: control.EngineStarted, Slot: -1, PID: os.Getpid()})
	route := e.router()
	e.osc.OnBad = func(line string) { e.cfg.Log.Warn("OSC: " + line) }
	e.done.Go(func() { e.osc.Serve(route) })
	e.done.Go(e.drain)
	if e.phrase != nil {
		e.done.Go(func() { e.phrase.run(e.closing) })
	}
	return nil
}

// Failed delivers the error that ended the engine by itself, if one does: once, and never after a Stop that was asked for. The
// caller then calls Stop.
func (e *Engine) Failed() <-chan error { return e.sup.Failed() }

// Events is where the engine's events are published. It keeps the last of them, so that a subscription, before Start or after
// Stop as well, can have those from the beginning on.
func (e *Engine) Events() *control.Hub { return e.hub }

// OSC is the address that OSC is received at, as bound: host:port.
func (e *Engine) OSC() string { return e.osc.Addr() }

// Stop fades out, ends every process, finishes the tape and frees everything; what New took without a Start goes the same way,
// and the files that it had made are gone again. It returns when all that is done, also when another goroutine is at it.
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
			e.pool.Close()
		} else {
			e.close()
		}
	})
}

func (e *Engine) end() {
	_ = e.osc.Close() // no command after this
	e.sup.Stop()
	if e.rec != nil {
		e.rec.finish()
	}
	e.hub.Publish(control.Event{TNS: clock.Now(), Block: e.pool.Player.Playout.Load(), Kind: control.EngineStopped, Slot: -1, PID: os.Getpid()})
	close(e.closing)
	_ = e.ctl.Close()
	e.done.Wait()
}

// Abort is for a Stop that takes too long: it kills every process, without a fade, and removes the control socket. Then Stop
// has nothing left to wait for but the disk and whoever reads events; a program may also just exit.
func (e *Engine) Abort() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.phase == built || e.final != nil {
		return
	}
	e.sup.Abort()
	_ = e.ctl.Remove()
}

// close frees what New had taken when nothing was played: it failed, or Stop came first.
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
	if e.pool != nil {
		e.pool.Close()
	}
}

func (e *Engine) handlers() map[string]http.Handler { return failpointHandlers(e.pool) }
