//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"chronus/engine"
	"chronus/engine/sink"
)

// runCmd is `chronus run`.
type runCmd struct {
	Patch       string        `help:"Patch: built in (sine, voice, steps, noise, heavy) or a TOML file." default:"sine" placeholder:"FILE"`
	Sink        string        `help:"Where the sound goes: ${sinks}." default:"auto" placeholder:"SINK"`
	Rate        *int          `help:"Sample rate in Hz; 44100, or what the device needs." placeholder:"HZ"`
	Frames      int           `help:"Frames a block." default:"256"`
	Lead        int           `help:"Blocks sealed ahead; 3, or more without SCHED_FIFO." placeholder:"BLOCKS"`
	Replicas    int           `help:"Workers that render in lockstep." default:"2"`
	Spares      int           `help:"Idle workers behind them." default:"2"`
	OSCHost     string        `help:"Address to receive OSC at." name:"osc-host" default:"127.0.0.1"`
	OSCPort     int           `help:"UDP port to receive OSC at; 0 takes a free one." name:"osc-port" default:"5005"`
	Control     string        `help:"Path of the control socket." placeholder:"PATH"`
	Latency     time.Duration `help:"Latency to ask the device for; four blocks, or its least." placeholder:"D" group:"on a device"`
	Channels    int           `help:"Channels to open the device with; 2 by default." placeholder:"N" group:"on a device"`
	ChannelMap  string        `help:"Channels of the device to play on, as in 3,4." placeholder:"3,4" group:"on a device"`
	Name        string        `help:"Name in the mixer of the sound server." default:"chronus" group:"on a device"`
	PulseServer string        `help:"Sound server, as in PULSE_SERVER." placeholder:"ADDR" group:"on a device"`
	Tape        string        `help:"Record the session to a file." placeholder:"FILE"`
	IdlePhrase  bool          `help:"Play a few notes while nobody sends commands." name:"idle-phrase"`
	Duration    time.Duration `help:"Stop after this time." placeholder:"D"`
	Log         string        `help:"Log as text or json." enum:"text,json" default:"text"`
	LogLevel    string        `help:"Least to log: debug, info, warn or error." enum:"debug,info,warn,error" default:"info"`
	Verbose     bool          `help:"Log every detail: --log-level=debug."`
	SystemdUnit bool          `help:"Print a systemd unit for these flags and exit."`
}

// Help is what run --help says besides the flags.
func (*runCmd) Help() string {
	return `SIGINT (Ctrl-C) and SIGTERM fade the sound out and end the engine with exit code 0, also while it starts; a second one
does not wait for the fade or a slow disk, and the exit code is 1. SIGINT is left ignored where it was ignored from the start.
The engine plays on when its terminal is closed (SIGHUP) or nobody reads its log. Exit codes: 0 stopped as asked, 1 it failed,
2 a mistake in flags or files.`
}

// plainName is what every sound server takes as a name, and no configuration of
// one as anything else.
var plainName = regexp.MustCompile(`^[\pL\pN _.-]{1,60}$`)

// config turns flags into a configuration: what is 0 on the command line is 0, not "unset".
func (r *runCmd) config(log *slog.Logger) (engine.Config, error) {
	rate := 0 // whatever the device needs
	if r.Rate != nil {
		if rate = *r.Rate; rate < 1 {
			return engine.Config{}, fmt.Errorf("--rate %d: must be 1 or more", rate)
		}
	}
	for name, v := range map[string]int{"frames": r.Frames, "replicas": r.Replicas} {
		if v < 1 {
			return engine.Config{}, fmt.Errorf("--%s %d: must be 1 or more", name, v)
		}
	}
	for name, v := range map[string]int{"lead": r.Lead, "spares": r.Spares, "channels": r.Channels} {
		if v < 0 {
			return engine.Config{}, fmt.Errorf("--%s %d: must not be negative", name, v)
		}
	}
	if r.OSCPort < 0 || r.OSCPort > 65535 {
		return engine.Config{}, fmt.Errorf("--osc-port %d: must be 0 to 65535", r.OSCPort)
	}
	for name, v := range map[string]time.Duration{"duration": r.Duration, "latency": r.Latency} {
		if v < 0 {
			return engine.Config{}, fmt.Errorf("--%s %s: must not be negative", name, v)
		}
	}
	places, err := sink.ParseMap(r.ChannelMap)
	if err != nil {
		return engine.Config{}, fmt.Errorf("--channel-map %s: %w", r.ChannelMap, err)
	}
	if !plainName.MatchString(r.Name) {
		return engine.Config{}, fmt.Errorf("--name %q: want up to 60 letters, digits, spaces and _ . -", r.Name)
	}
	c := engine.Config{
		Patch: r.Patch, Sink: r.Sink, Rate: rate, Frames: r.Frames, Lead: r.Lead, Replicas: r.Replicas, Spares: r.Spares,
		OSCHost: r.OSCHost, OSCPort: r.OSCPort, Control: r.Control, Tape: r.Tape, Bin: runBin, Log: log,
		PulseServer: r.PulseServer, Verbose: r.Verbose,
		IdlePhrase: r.IdlePhrase, Latency: r.Latency, Channels: r.Channels, ChannelMap: places, Name: r.Name,
	}
	if c.Spares == 0 {
		c.Spares = -1
	}
	if c.OSCPort == 0 {
		c.OSCPort = -1
	}
	return c, nil
}

// terminal are the signals of a terminal, or of a pipe, that is gone or does not want to be written to.
var terminal = []os.Signal{syscall.SIGHUP, syscall.SIGPIPE, syscall.SIGTTOU}

// runBin is where the worker and the player are looked for; empty: beside this program. Tests have them elsewhere.
var runBin string

// logger is what the flags ask for, and what ends it.
func (r *runCmd) logger(w io.Writer) (*slog.Logger, func()) {
	level := slog.LevelInfo
	_ = level.UnmarshalText([]byte(r.LogLevel)) // kong has checked it
	if r.Verbose {
		level = slog.LevelDebug
	}
	return newLog(w, r.Log == "json", level)
}

// Run runs the engine until a signal, its duration's end or a fault that nothing helps against.
//
// SIGINT and SIGTERM end it, also while it starts: the sound fades out and the exit code is 0. A second one does not wait for
// anything. SIGINT is left ignored where it was ignored from the start, as in a script's background job. It plays on like a daemon
// when its terminal or whoever read its log has gone.
func (r *runCmd) Run(ctx *kong.Context, out io.Writer, errOut logTo) error {
	if r.SystemdUnit {
		if _, err := r.config(nil); err != nil {
			return usage(err)
		}
		return printUnit(out, given(ctx))
	}
	log, end := r.logger(errOut)
	defer end()
	cfg, err := r.config(log)
	if err != nil {
		return usage(err)
	}
	signal.Ignore(terminal...)
	defer signal.Reset(terminal...)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, ending()...)
	defer signal.Stop(signals)
	for {
		err := r.once(cfg, log, signals)
		var fixed *sink.RateError
		if r.Rate != nil || !errors.As(err, &fixed) {
			return err
		}
		log.Warn("starting again at the rate of the device, which was not there before", "role", "host",
			"device", fixed.Device, "rate", fixed.Rate)
		cfg.Rate = fixed.Rate
	}
}

// once runs one engine to its end.
func (r *runCmd) once(cfg engine.Config, log *slog.Logger, signals <-chan os.Signal) error {
	e, err := engine.New(cfg)
	if err != nil {
		return usage(err)
	}
	err = r.play(e, log, signals)
	stopped := make(chan struct{})
	go func() {
		e.Stop()
		close(stopped)
	}()
	select {
	case <-stopped:
	case <-signals:
		e.Abort()
		log.Error("stopped at once by a second signal: nothing was waited for", "role", "host", "pid", os.Getpid())
		return &exitError{code: exitFail}
	}
	st := e.Status()
	log.Info("stopped", "role", "host", "pid", os.Getpid(), "blocks", st.Block, "failovers", st.Failovers, "restarts", st.Restarts,
		"lost_frames", st.LostFrames, "xruns", st.Xruns, "commands", st.Commands, "bad_packets", st.BadPackets)
	return err
}

// ending are the signals that end the engine.
func ending() []os.Signal {
	if signal.Ignored(syscall.SIGINT) {
		return []os.Signal{syscall.SIGTERM}
	}
	return []os.Signal{syscall.SIGINT, syscall.SIGTERM}
}

// play starts the engine and returns when it is to be stopped: with an error if it must be.
func (r *runCmd) play(e *engine.Engine, log *slog.Logger, signals <-chan os.Signal) error {
	started := make(chan error, 1)
	go func() { started <- e.Start() }()
	var over <-chan time.Time
	for {
		select {
		case err := <-started:
			if err != nil {
				return err
			}
			st := e.Status()
			log.Info("playing", "role", "host", "pid", os.Getpid(), "patch", st.Patch, "sink", st.Sink, "lead", st.Lead, "sched", st.Player.Sched, "osc", st.OSC)
			if r.Duration > 0 {
				over = time.After(r.Duration)
			}
		case <-over:
			return nil
		case <-signals:
			return nil
		case <-e.StopRequested():
			log.Info("told to stop by OSC", "role", "host", "pid", os.Getpid())
			return nil
		case err := <-e.Failed():
			return err
		}
	}
}
