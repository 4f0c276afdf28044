//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"chronus/engine"
	"chronus/engine/sink"
)

// runCmd is `chronus run`.
type runCmd struct {
	Patch       string        `help:"Patch to play: ${patches} or a TOML file." default:"sine" placeholder:"FILE" complete:"sine,voice,steps,noise,heavy"`
	Sink        string        `help:"Where the sound goes: ${sinks}." default:"auto" placeholder:"SINK" complete:"auto,clock,wav:,portaudio"`
	Rate        *int          `help:"Sample rate in Hz; a device may set another." placeholder:"44100"`
	Frames      int           `help:"Frames per block." default:"256"`
	Lead        int           `help:"Blocks to seal ahead; 3, or more without SCHED_FIFO." placeholder:"BLOCKS"`
	Replicas    int           `help:"Workers that render in lockstep." default:"2"`
	Spares      int           `help:"Idle workers that stand by." default:"2"`
	OSCHost     string        `help:"Address to receive OSC on." name:"osc-host" default:"127.0.0.1"`
	OSCPort     int           `help:"UDP port to receive OSC on; 0 picks a free one." name:"osc-port" default:"5005"`
	Control     string        `help:"Path of the control socket." placeholder:"PATH"`
	Latency     time.Duration `help:"Latency to ask the device for; four blocks by default." placeholder:"D" group:"on a device"`
	Channels    int           `help:"Channels to open the device with; 2 by default." placeholder:"N" group:"on a device"`
	ChannelMap  string        `help:"Channels of the device to play on, as in 3,4." placeholder:"3,4" group:"on a device"`
	Name        string        `help:"Name in the mixer of the sound server." default:"chronus" group:"on a device"`
	PulseServer string        `help:"PulseAudio server to play on, as in PULSE_SERVER." placeholder:"ADDR" group:"on a device"`
	Tape        string        `help:"Record the session to a file." placeholder:"FILE"`
	IdlePhrase  bool          `help:"Play a few notes while no commands arrive." name:"idle-phrase"`
	Duration    time.Duration `help:"Stop after this time, as 90s." placeholder:"D"`
	Log         string        `help:"Log format: text or json." enum:"text,json" default:"text"`
	LogLevel    string        `help:"Lowest level to log: debug, info, warn or error." enum:"debug,info,warn,error" default:"info"`
	Verbose     bool          `help:"Log every detail, as --log-level=debug does."`
	SystemdUnit bool          `help:"Print a systemd unit with these flags and exit."`
}

// Help is the manual page's text besides the flags.
func (*runCmd) Help() string {
	return `SIGINT (Ctrl-C) and SIGTERM fade the sound out and end the engine
with exit code 0, even while it is starting. A second one waits neither for the
fade nor for a slow disk, and the exit code is 1. If SIGINT was ignored from the
start, it stays ignored. The engine plays on when its terminal is closed
(SIGHUP) and when its log is not read.`
}

// plainName is what every sound server takes as a name, and no configuration of
// one as anything else.
var plainName = regexp.MustCompile(`^[\pL\pN _.-]{1,60}$`)

// config turns flags into a configuration. A 0 on the command line means 0,
// where a 0 in the configuration would mean the default.
func (r *runCmd) config(log *slog.Logger) (engine.Config, error) {
	rate := 1
	if r.Rate != nil {
		rate = *r.Rate
	}
	err := least(
		number{"rate", rate, 1}, number{"frames", r.Frames, 1}, number{"replicas", r.Replicas, 1},
		number{"lead", r.Lead, 0}, number{"spares", r.Spares, 0},
		number{"channels", r.Channels, 0},
	)
	if r.Rate == nil {
		rate = 0 // whatever the device needs
	}
	if err != nil {
		return engine.Config{}, err
	}
	if r.OSCPort < 0 || r.OSCPort > 65535 {
		return engine.Config{}, fmt.Errorf("--osc-port %d: must be 0 to 65535", r.OSCPort)
	}
	if r.Duration < 0 {
		return engine.Config{}, fmt.Errorf("--duration %s: must not be negative", r.Duration)
	}
	if r.Latency < 0 {
		return engine.Config{}, fmt.Errorf("--latency %s: must not be negative", r.Latency)
	}
	places, err := sink.ParseMap(r.ChannelMap)
	if err != nil {
		return engine.Config{}, fmt.Errorf("--channel-map %s: %w", r.ChannelMap, err)
	}
	if !plainName.MatchString(r.Name) {
		return engine.Config{}, fmt.Errorf("--name %q: want up to 60 letters, digits, spaces and _ . -", r.Name)
	}
	c := engine.Config{
		Patch: r.Patch, Sink: r.Sink, Rate: rate, Frames: r.Frames,
		Lead: r.Lead, Replicas: r.Replicas, Spares: r.Spares,
		OSCHost: r.OSCHost, OSCPort: r.OSCPort, Control: r.Control, PulseServer: r.PulseServer,
		Tape: r.Tape, IdlePhrase: r.IdlePhrase,
		Latency: r.Latency, Channels: r.Channels, ChannelMap: places, Name: r.Name,
		Bin: runBin, Log: log, Verbose: r.Verbose,
	}
	if c.Spares == 0 {
		c.Spares = -1
	}
	if c.OSCPort == 0 {
		c.OSCPort = -1
	}
	return c, nil
}

// terminal are the signals of a terminal or a pipe that is gone or refuses to
// be written to.
var terminal = []os.Signal{syscall.SIGHUP, syscall.SIGPIPE, syscall.SIGTTOU}

// runBin is the directory of the engine's other executables. If it is empty,
// which only tests change, they are beside this one.
var runBin string

// binDir returns the directory of the engine's other executables.
func binDir() (string, error) {
	if runBin != "" {
		return runBin, nil
	}
	self, err := os.Executable()
	return filepath.Dir(self), err
}

// logger returns the logger that the flags ask for, and the function that
// flushes it.
func (r *runCmd) logger(w io.Writer) (*slog.Logger, func()) {
	level := slog.LevelInfo
	_ = level.UnmarshalText([]byte(r.LogLevel)) // kong has checked it
	if r.Verbose {
		level = slog.LevelDebug
	}
	return newLog(w, r.Log == "json", level)
}

// Run runs the engine until a signal, the end of its duration or a fault that
// it cannot recover from.
//
// SIGINT and SIGTERM end it, even while it is starting: the sound fades out and
// the exit code is 0. A second one ends it without waiting for anything. SIGINT
// stays ignored if it was ignored from the start, as in a script's background
// job. The engine plays on, as a daemon would, when its terminal or the reader
// of its log is gone.
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
		log.Error("stopped at once by a second signal, without waiting for the fade",
			"role", "host", "pid", os.Getpid())
		return &exitError{code: exitFail}
	}
	st := e.Status()
	log.Info("stopped", "role", "host", "pid", os.Getpid(),
		"blocks", st.Block, "failovers", st.Failovers, "restarts", st.Restarts, "lost_frames", st.LostFrames,
		"xruns", st.Xruns, "commands", st.Commands, "bad_packets", st.BadPackets, "packets", st.Packets,
		"kernel_drops", st.KernelDrops, "waiting_commands", st.WaitingCommands, "late_commands", st.LateCommands,
		"dropped_commands", st.DroppedCommands, "coalesced_commands", st.CoalescedCommands,
		"clamped_commands", st.ClampedCommands, "withheld_answers", st.WithheldAnswers)
	return err
}

// ending returns the signals that end the engine.
func ending() []os.Signal {
	if signal.Ignored(syscall.SIGINT) {
		return []os.Signal{syscall.SIGTERM}
	}
	return []os.Signal{syscall.SIGINT, syscall.SIGTERM}
}

// play starts the engine and returns when it is to be stopped, with an error if
// the engine has failed.
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
			log.Info("playing", "role", "host", "pid", os.Getpid(),
				"patch", st.Patch, "sink", st.Sink, "lead", st.Lead, "sched", st.Player.Sched, "osc", st.OSC)
			if r.Duration > 0 {
				over = time.After(r.Duration)
			}
		case <-over:
			return nil
		case <-signals:
			return nil
		case <-e.StopRequested():
			log.Info("stopping: /engine/stop was received", "role", "host", "pid", os.Getpid())
			return nil
		case err := <-e.Failed():
			return err
		}
	}
}
