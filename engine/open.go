//go:build linux

package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"chronus/engine/clock"
	"chronus/engine/command"
	"chronus/engine/control"
	"chronus/engine/internal/cmdlog"
	"chronus/engine/internal/phrase"
	"chronus/engine/internal/shm"
	"chronus/engine/internal/supervisor"
	"chronus/engine/osc"
	"chronus/engine/patch"
	"chronus/engine/sink"
	"chronus/engine/tape"
)

// open does the work of New. It checks what is cheap to check before it takes
// anything.
func (e *Engine) open() (err error) {
	c := &e.cfg
	if c.Replicas < 1 {
		return fmt.Errorf("replicas %d: must be 1 or more", c.Replicas)
	}
	if e.spec, err = sink.Parse(c.Sink); err != nil {
		return err
	}
	if e.patch, err = patch.Load(c.Patch); err != nil {
		return err
	}
	// Report what the geometry refuses before anything is compiled for it.
	fifo := fifoGranted()
	probe := c.Lead
	if probe == 0 {
		probe = 1
	}
	compile := func(rate int) (err error) {
		if _, err := shm.NewGeometry(rate, c.Frames, 1, probe, c.Replicas, c.Spares, 0, fifo); err != nil {
			return err
		}
		e.code, err = e.patch.Compile(rate, c.Frames)
		return err
	}
	named := c.Rate
	if named == 0 {
		c.Rate = sink.DefaultRate
	}
	if err := compile(c.Rate); err != nil {
		return err
	}
	was := c.Rate
	if err := e.settleSink(named); err != nil {
		return err
	}
	if c.Rate != was {
		if err := compile(c.Rate); err != nil {
			return err
		}
	}
	if c.Tape != "" {
		if err := e.reserve("tape", c.Tape); err != nil {
			return err
		}
		if e.spec.File != nil && same(e.spec.Value, c.Tape) {
			return fmt.Errorf("sink %s: %s is the tape", e.spec.Name, e.spec.Value)
		}
	}
	playerExe, playerArgs := e.player()
	if e.workerExe, err = supervisor.OpenExecutable(e.worker()); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	if e.playerExe, err = supervisor.OpenExecutable(playerExe); err != nil {
		return fmt.Errorf("engine: %w", err)
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
	var committed func(uint64, command.Command)
	if e.rec != nil {
		committed = e.rec.command
	}
	e.queue = cmdlog.NewQueue(cmdlog.NewWriter(e.pool.Host, e.pool.Player, e.pool.Rings), committed)
	if c.IdlePhrase {
		if p, ok := phrase.New(e.code, e.queue.Push); ok {
			e.phrase = p
		} else {
			c.Log.Warn("no idle phrase: it needs an adsr and a sine, and the patch lacks them", "patch", e.patch.Name())
		}
	}
	e.sup = supervisor.New(supervisor.Config{
		Pool: e.pool, Spares: c.Spares, Worker: e.workerExe, Player: e.playerExe, PlayerArgs: playerArgs,
		Sink: e.spec, AnyRate: named == 0 && c.Sink != "auto", Env: pulseEnv(c.PulseServer), Publish: e.hub.Publish, Log: c.Log,
	})
	e.route = e.router()
	e.sources = e.statusSources()
	return nil
}

func (e *Engine) worker() string { return filepath.Join(e.cfg.Bin, "chronus-worker") }

// player returns the player's executable and its arguments.
func (e *Engine) player() (exe string, args []string) {
	args = []string{e.spec.String()}
	if e.spec.Device {
		args = append(args, e.options.Args()...)
	}
	return filepath.Join(e.cfg.Bin, e.spec.Player), args
}

// settleSink checks the sink against the machine: what "auto" comes to, whether
// its device exists, at which rate it plays, whether its file can be written.
// rate is that which the user named, 0: none.
func (e *Engine) settleSink(rate int) error {
	c := &e.cfg
	e.options = sink.Options{
		Verbose: c.Verbose, Latency: c.Latency, Channels: c.Channels, Map: c.ChannelMap, Name: c.Name,
	}
	var latency time.Duration
	if e.spec.Settle != nil {
		to, err := e.spec.Settle(e.spec, sink.Machine{
			Rate: rate, Frames: c.Frames, Channels: e.code.Program.Channels, Options: e.options,
			Devices: func(player string) ([]sink.DeviceInfo, error) {
				return devices(c.Bin, player, c.PulseServer, startProbeLimit)
			},
			Say: c.Log.Info, Warn: c.Log.Warn,
		})
		if err != nil {
			return err
		}
		if to.Rate != c.Rate {
			c.Log.Info("the device sets the rate", "sink", to.Spec.String(), "rate", to.Rate)
		}
		e.spec, e.options.Wait, latency, c.Rate = to.Spec, to.Wait, to.Latency, to.Rate
	}
	block := time.Duration(int64(c.Frames) * int64(time.Second) / int64(c.Rate))
	e.burst = sink.Burst(latency, block)
	if e.spec.File == nil {
		return nil
	}
	return e.reserve("sink "+e.spec.Name, e.spec.Value)
}

// beginSink empties the sink's file and writes its header, so that a full disk
// is an error of New as well.
func (e *Engine) beginSink() error {
	if e.spec.File == nil {
		return nil
	}
	shape := sink.Shape{Rate: e.cfg.Rate, Channels: e.code.Program.Channels, Frames: e.cfg.Frames}
	f, err := e.spec.File.Create(e.spec.Value, shape)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return fmt.Errorf("sink %s: %w", e.spec.Name, err)
	}
	return nil
}

// endSink brings the header of the sink's file up to date. The player has done
// so, unless it died and no other could be started. It gives up on a disk that
// no longer accepts anything.
func (e *Engine) endSink() {
	if e.spec.File == nil {
		return
	}
	shape := sink.Shape{Rate: e.cfg.Rate, Channels: e.code.Program.Channels, Frames: e.cfg.Frames}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if f, err := e.spec.File.Resume(e.spec.Value, shape); err == nil {
			_ = f.Close()
		}
	}()
	select {
	case <-done:
	case <-time.After(stallLimit):
	}
}

// reserve checks that a file can be written, and creates it if need be, before
// anything else is taken. What it holds stays until everything else is known to
// be right.
func (e *Engine) reserve(what, path string) error {
	_, missing := os.Lstat(path)
	// O_WRONLY would wait for the reader of a named pipe.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if errors.Is(missing, os.ErrNotExist) {
		e.made = append(e.made, path)
	}
	return f.Close()
}

// same reports whether two paths lead to the same regular file.
func same(a, b string) bool {
	sa, errA := os.Stat(a)
	sb, errB := os.Stat(b)
	return errA == nil && errB == nil && sa.Mode().IsRegular() && os.SameFile(sa, sb)
}

func (e *Engine) header() tape.Header {
	c, g := &e.cfg, &e.pool.Host.Geo
	return tape.Header{
		Version: tape.Version, Build: shm.Build,
		Rate: c.Rate, Frames: c.Frames, Channels: int(g.Channels), Lead: c.Lead,
		Replicas: c.Replicas, Spares: c.Spares, Slots: int(g.Slots), Ring: int(g.Ring),
		Patch: e.patch.Name(), PatchText: string(e.patch.Text()),
		StartedNS: clock.Now(), Date: time.Now().UTC().Format(time.RFC3339),
	}
}
