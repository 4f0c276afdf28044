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
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chronus/engine/cmdlog"
	"chronus/engine/control"
	"chronus/engine/osc"
	"chronus/engine/patch"
	"chronus/engine/player"
	"chronus/engine/quiet"
	"chronus/engine/shm"
	"chronus/engine/sink"
	"chronus/engine/sink/wavfile"
	"chronus/engine/supervisor"
	"chronus/engine/tape"
)

// Config says what to play and how. The zero value of a field means its default.
type Config struct {
	Patch    string // name of a built-in patch or path of a TOML file; default "sine"
	Sink     string // "auto", "clock", "wav:FILE" (replaced), "portaudio" or "portaudio:DEVICE", by name or index; default "auto"
	Rate     int    // Hz; default 44100
	Frames   int    // frames a block; default 256
	Lead     int    // blocks sealed ahead of playout; 0: 3, more without SCHED_FIFO and on a device, as each needs
	Replicas int    // workers that render; default 2
	Spares   int    // idle workers; -1: none; default 2
	OSCHost  string // default 127.0.0.1
	OSCPort  int    // UDP; -1: any free one; default 5005
	Control  string // path of the control socket; default control.DefaultPath()
	Tape     string // file to record to, replaced; "": none
	Bin      string // folder of the executables; default: the one of this program

	PulseServer string // the PulseAudio server to play on, as in PULSE_SERVER; "": any device
	Verbose     bool   // let the device's libraries speak on stderr
	// IdlePhrase plays a few notes while nobody sends commands, on a patch that has an envelope and a sine.
	IdlePhrase bool
	// Log is told what happens, nil: nobody. Its handler should not wait for anything: the supervisor waits for it.
	Log *slog.Logger
}

// Defaults fills in what is not set.
func (c Config) Defaults() (Config, error) {
	set := func(v *int, to int) {
		if *v == 0 {
			*v = to
		}
	}
	set(&c.Rate, 44100)
	set(&c.Frames, 256)
	set(&c.Replicas, 2)
	set(&c.Spares, 2)
	set(&c.OSCPort, 5005)
	c.Spares, c.OSCPort = max(c.Spares, 0), max(c.OSCPort, 0)
	if c.Patch == "" {
		c.Patch = "sine"
	}
	if c.Sink == "" {
		c.Sink = "auto"
	}
	if c.OSCHost == "" {
		c.OSCHost = "127.0.0.1"
	}
	if c.Control == "" {
		c.Control = control.DefaultPath()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Bin == "" {
		self, err := os.Executable()
		if err != nil {
			return c, fmt.Errorf("engine: %w", err)
		}
		c.Bin = filepath.Dir(self)
	}
	return c, nil
}

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
	queue   *cmdlog.Queue
	rec     *recorder
	burst   int           // blocks that the device may ask for back to back
	made    []string      // files that are there only because of New: gone again if nothing is played
	dropped atomic.Uint64 // commands refused for want of room
	phrase  *phrase       // nil: none

	stopRequest chan struct{}
	stopAsked   sync.Once

	figures figures

	stop    sync.Once
	closing chan struct{}
	done    sync.WaitGroup

	mu    sync.Mutex // phase, and the regions while somebody looks at them
	phase phase
	begun time.Time
	final *control.Status // set once the regions are gone

	late, limited uint64 // as last read out of the state; both only rise
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

func (e *Engine) open() (err error) {
	c := &e.cfg
	if c.Replicas < 1 {
		return fmt.Errorf("replicas %d: must be 1 or more", c.Replicas)
	}
	if e.patch, err = patch.Load(c.Patch); err != nil {
		return err
	}
	// What the geometry refuses is said before anything is compiled for it.
	fifo := fifoGranted()
	probe := c.Lead
	if probe == 0 {
		probe = 1
	}
	if _, err := shm.NewGeometry(c.Rate, c.Frames, 1, probe, c.Replicas, c.Spares, 0, fifo); err != nil {
		return err
	}
	if e.code, err = e.patch.Compile(c.Rate, c.Frames); err != nil {
		return err
	}
	if err := e.chooseSink(); err != nil {
		return err
	}
	if c.Tape != "" {
		if err := e.reserve("tape", c.Tape); err != nil {
			return err
		}
		if path, wav := strings.CutPrefix(c.Sink, "wav:"); wav && same(path, c.Tape) {
			return fmt.Errorf("sink wav: %s is the tape", path)
		}
	}
	playerExe, playerArgs := e.player()
	for _, exe := range []string{e.worker(), playerExe} {
		if _, err := os.Stat(exe); err != nil {
			return fmt.Errorf("engine: %w", err)
		}
	}
	if c.Lead == 0 {
		c.Lead = min(chooseLead(fifo, e.code.Program)+e.burst-1, shm.MaxLead)
	}
	warnPrivilege(c, fifo)
	prog := e.code.Program
	geo, err := shm.NewGeometry(c.Rate, c.Frames, prog.Channels, c.Lead, c.Replicas, c.Spares, prog.Words(), fifo)
	if err != nil {
		return err
	}
	if e.ctl, err = control.Listen(c.Control); err != nil {
		return err
	}
	if e.osc, err = osc.Listen(c.OSCHost, c.OSCPort); err != nil {
		return err
	}
	if e.pool, err = supervisor.NewPool(geo, shm.NewStamp(e.code.Epoch()), prog.Encode()); err != nil {
		return err
	}
	if err := e.beginSink(); err != nil {
		return err
	}
	if c.Tape != "" {
		if e.rec, err = newRecorder(c.Tape, e.header(), e.pool.Player, c.Log); err != nil {
			return err
		}
	}
	var committed func(uint64, cmdlog.Command)
	if e.rec != nil {
		committed = e.rec.command
	}
	e.queue = cmdlog.NewQueue(cmdlog.NewWriter(e.pool.Host, e.pool.Player, e.pool.Rings), committed)
	if c.IdlePhrase {
		if p, ok := newPhrase(e.code, e.queue.Push); ok {
			e.phrase = p
		} else {
			c.Log.Warn("no idle phrase: the patch has nothing to play it on, which takes an adsr and a sine", "patch", e.patch.Name())
		}
	}
	e.sup = supervisor.New(supervisor.Config{
		Pool: e.pool, Spares: c.Spares, Worker: e.worker(), Player: playerExe, PlayerArgs: playerArgs, Device: e.onDevice(),
		Sink: c.Sink, Env: pulseEnv(c.PulseServer), Publish: e.hub.Publish, Log: c.Log,
	})
	return nil
}

func (e *Engine) worker() string { return filepath.Join(e.cfg.Bin, "chronus-worker") }

// player is the player's executable and its arguments.
func (e *Engine) player() (exe string, args []string) {
	exe, args = "chronus-player", []string{e.cfg.Sink}
	if e.onDevice() {
		exe = "chronus-portaudio"
		if e.cfg.Verbose {
			args = append(args, "verbose")
		}
	}
	return filepath.Join(e.cfg.Bin, exe), args
}

func (e *Engine) onDevice() bool { return strings.HasPrefix(e.cfg.Sink, player.SinkPortAudio) }

// chooseSink settles "auto".
func (e *Engine) chooseSink() error {
	c := &e.cfg
	path, wav := strings.CutPrefix(c.Sink, "wav:")
	e.burst = 1
	switch {
	case c.Sink == "auto" || c.Sink == player.SinkPortAudio || strings.HasPrefix(c.Sink, player.SinkPortAudio+":"):
		latency, err := e.chooseDevice()
		e.burst = sink.Burst(latency, time.Duration(int64(c.Frames)*int64(time.Second)/int64(c.Rate)))
		return err
	case c.Sink == "clock":
	case wav && path != "":
		if err := e.reserve("sink wav", path); err != nil {
			return err
		}
	default:
		return fmt.Errorf("sink %q: want auto, clock, wav:FILE, portaudio or portaudio:DEVICE", c.Sink)
	}
	return nil
}

// beginSink empties the sink's file and writes its header: a full disk is an error of New too.
func (e *Engine) beginSink() error {
	path, wav := strings.CutPrefix(e.cfg.Sink, "wav:")
	if !wav {
		return nil
	}
	f, err := wavfile.Open(path, e.cfg.Rate, e.code.Program.Channels, e.cfg.Frames)
	if err != nil {
		return fmt.Errorf("sink wav: %w", err)
	}
	return f.Close()
}

// reserve sees whether a file can be written, and makes it, before anything else is taken: what is in it stays until all the
// rest is known to be right.
func (e *Engine) reserve(what, path string) error {
	_, missing := os.Lstat(path)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644) // not O_WRONLY: that waits for a named pipe's reader
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if errors.Is(missing, os.ErrNotExist) {
		e.made = append(e.made, path)
	}
	return f.Close()
}

// same says whether two paths lead to one file.
func same(a, b string) bool {
	sa, errA := os.Stat(a)
	sb, errB := os.Stat(b)
	return errA == nil && errB == nil && sa.Mode().IsRegular() && os.SameFile(sa, sb)
}

func (e *Engine) header() tape.Header {
	c, g := &e.cfg, &e.pool.Host.Geo
	return tape.Header{
		Version: tape.Version, Rate: c.Rate, Frames: c.Frames, Channels: int(g.Channels), Lead: c.Lead, Replicas: c.Replicas, Spares: c.Spares,
		Slots: int(g.Slots), Ring: int(g.Ring), Patch: e.patch.Name(), PatchText: string(e.patch.Text()), Build: shm.Build,
		StartedNS: shm.Now(), Date: time.Now().UTC().Format(time.RFC3339),
	}
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
	e.phase, e.begun = started, time.Now()
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
	e.hub.Publish(control.Event{TNS: shm.Now(), Kind: control.EngineStarted, Slot: -1, PID: os.Getpid()})
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

// Status is a snapshot: "starting" before Start and until the first block, after Stop the last one.
func (e *Engine) Status() control.Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.final != nil {
		return *e.final
	}
	return e.status()
}

func (e *Engine) status() control.Status {
	c := &e.cfg
	st := control.Status{
		Rate: c.Rate, Frames: c.Frames, Channels: e.code.Program.Channels, Lead: c.Lead, Replicas: c.Replicas, Spares: c.Spares,
		Sink: c.Sink, OSC: e.osc.Addr(), Patch: e.patch.Name(), PID: os.Getpid(),
		Goroutines: runtime.NumGoroutine(), BadPackets: e.osc.Bad.Load(), Commands: e.pool.Host.Head.Load(),
		DroppedCommands: e.dropped.Load(), DriftPPM: drift(e.pool.Player, &e.pool.Host.Geo), Tape: c.Tape,
	}
	if e.phase != built {
		st.UptimeNS = int64(time.Since(e.begun))
	}
	e.sup.Status(&st)
	if e.rec != nil {
		st.TapeMissed, st.TapeError = e.rec.lacks(st.Block)
	}
	e.figures.fill(&st, e.pool.Player, &e.pool.Host.Geo)
	if late, limited, ok := counted(e.pool, e.code.Program); ok {
		e.late, e.limited = late, limited
	}
	st.LateCommands, st.LimitedFrames = e.late, e.limited
	return st
}

// settleNS is how long the filtered grid of a device takes to know the device's rate.
const settleNS = 10e9

// drift is how far the blocks have moved from where their rate says since the grid began, in ppm: by the last callback on the
// clock, by the filtered grid on a device, which takes some seconds to settle: 0 until then.
func drift(p *shm.Player, g *shm.Geometry) float64 {
	origin, from := p.OriginNS.Load(), p.OriginAt.Load()
	at, ns := p.Anchor()
	if at <= from {
		at, ns = p.Playout.Load()-1, p.EntryNS.Load()
	} else if ns-origin < settleNS {
		return 0
	}
	if at <= from || int64(at) < 0 || ns <= origin {
		return 0
	}
	due := float64(at-from) * float64(g.Frames) * 1e9 / float64(g.Rate)
	return (float64(ns-origin)/due - 1) * 1e6
}

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
		st := e.status()
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
	e.hub.Publish(control.Event{TNS: shm.Now(), Block: e.pool.Player.Playout.Load(), Kind: control.EngineStopped, Slot: -1, PID: os.Getpid()})
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
