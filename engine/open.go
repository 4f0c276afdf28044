//go:build linux

package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"chronus/engine/clock"
	"chronus/engine/control"
	"chronus/engine/internal/cmdlog"
	"chronus/engine/internal/shm"
	"chronus/engine/internal/supervisor"
	"chronus/engine/osc"
	"chronus/engine/patch"
	"chronus/engine/player"
	"chronus/engine/sink"
	"chronus/engine/sink/wavfile"
	"chronus/engine/tape"
)

// open checks what New checks and takes what it takes, in an order in which the cheap mistakes are told before anything is taken.
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
	e.sources = e.statusSources()
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
		StartedNS: clock.Now(), Date: time.Now().UTC().Format(time.RFC3339),
	}
}
