// Package target runs the engine as a user would: it starts the binary with a
// command line, talks to its control socket, ends it with a signal and inspects
// what it leaves behind. It owns every process that the engine starts, and must
// not know what is being tested.
package target

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"chronus/engine/clock"
	"chronus/engine/control"
	"chronus/harness/probe"
)

// Config describes how an engine is started.
type Config struct {
	Binary   string // path of the chronus binary
	Dir      string // existing empty directory for the engine's socket, tape, sound and log
	Patch    string
	Sink     string // SinkWAV for a file in Dir, SinkNull, otherwise as for --sink
	Pulse    string // the sound server, as in PULSE_SERVER; "" for the default
	Replicas int
	Spares   int
	Lead     int // blocks; 0 leaves the choice to the engine
	Frames   int // per block; 0 leaves the choice to the engine
	Rate     int // Hz; 0 leaves the choice to the engine
}

// Files of an engine in its directory.
const (
	TapeFile = "session.tape"
	WAVFile  = "sound.wav"
	LogFile  = "engine.log"

	socketFile = "control.sock"
	alsaFile   = "asound.conf"
)

// Time limits. They are about a hundred times as long as an engine needs, so a
// slower one is in error.
const (
	startLimit = 20 * time.Second
	stopLimit  = 10 * time.Second
	askLimit   = 5 * time.Second
)

// Target is a running engine.
type Target struct {
	cfg    Config
	cmd    *exec.Cmd
	client *control.Client
	points *pointClient
	exited chan struct{} // closed once the host has been reaped

	execNS, stopNS int64
	memfds         map[probe.Memfd]string // held by its processes when it was asked to end
}

// Start starts an engine and returns once its control socket answers. ctx
// bounds the start only.
func Start(ctx context.Context, cfg Config) (*Target, error) {
	t := &Target{cfg: cfg, exited: make(chan struct{})}
	t.client = control.NewClient(t.socket())
	t.points = newPointClient(t.socket())
	if err := t.exec(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		_, err := t.client.Status(ctx)
		switch {
		case err == nil:
			return t, nil
		case t.Exited():
			return nil, fmt.Errorf("target: the engine ended with %s instead of starting: %s",
				t.cmd.ProcessState, t.lastWords())
		case ctx.Err() != nil:
			t.Kill()
			return nil, fmt.Errorf("target: no answer from the engine: %w", err)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// exec starts the host in a session of its own: whatever the host starts stays
// in that session and can be found there. The host dies with the thread that
// started it, which therefore lives until the host has been reaped.
func (t *Target) exec() error {
	log, err := os.Create(t.path(LogFile))
	if err != nil {
		return fmt.Errorf("target: %w", err)
	}
	defer log.Close()
	args := []string{
		"run", "--patch", t.cfg.Patch, "--sink", t.sink(), "--tape", t.Tape(),
		"--control", t.socket(), "--osc-port", "0",
		"--replicas", strconv.Itoa(t.cfg.Replicas), "--spares", strconv.Itoa(t.cfg.Spares),
	}
	if t.cfg.Pulse != "" {
		args = append(args, "--pulse-server", t.cfg.Pulse)
	}
	if t.cfg.Lead > 0 {
		args = append(args, "--lead", strconv.Itoa(t.cfg.Lead))
	}
	if t.cfg.Frames > 0 {
		args = append(args, "--frames", strconv.Itoa(t.cfg.Frames))
	}
	if t.cfg.Rate > 0 {
		args = append(args, "--rate", strconv.Itoa(t.cfg.Rate))
	}
	t.cmd = exec.Command(t.cfg.Binary, args...)
	t.cmd.Env = environ()
	if t.cfg.Sink == SinkNull {
		config := t.path(alsaFile)
		if err := os.WriteFile(config, []byte(alsaNull), 0o600); err != nil {
			return fmt.Errorf("target: %w", err)
		}
		t.cmd.Env = append(t.cmd.Env, "ALSA_CONFIG_PATH="+config)
	}
	t.cmd.Stdout, t.cmd.Stderr = log, log
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		t.execNS = clock.Now()
		err := t.cmd.Start()
		started <- err
		if err == nil {
			t.cmd.Wait() // the error is in ProcessState too
			close(t.exited)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("target: %w", err)
	}
	return nil
}

// environ returns the environment without settings for an engine: the scenario
// alone decides those.
func environ() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "CHRONUS_") {
			env = append(env, v)
		}
	}
	return env
}

func (t *Target) path(name string) string { return filepath.Join(t.cfg.Dir, name) }
func (t *Target) socket() string          { return t.path(socketFile) }

// Tape returns the path of the session's recording.
func (t *Target) Tape() string { return t.path(TapeFile) }

// SinkWAV is the sink that writes a file in the engine's directory.
const SinkWAV = "wav"

// SinkNull is the only sound device of a machine whose ALSA configuration holds
// nothing but alsaNull: it takes sound as fast as it comes.
const SinkNull = "null"

const alsaNull = `pcm.!default { type null hint { show on description "default" } }
`

// WAV returns the path of the sound, or "" if another sink took it.
func (t *Target) WAV() string {
	if t.cfg.Sink != SinkWAV {
		return ""
	}
	return t.path(WAVFile)
}

func (t *Target) sink() string {
	if path := t.WAV(); path != "" {
		return SinkWAV + ":" + path
	}
	if t.cfg.Sink == SinkNull {
		return "portaudio"
	}
	return t.cfg.Sink
}

// PID returns the process ID of the host.
func (t *Target) PID() int { return t.cmd.Process.Pid }

// ExecNS returns the time just before the engine was started (ns,
// CLOCK_MONOTONIC).
func (t *Target) ExecNS() int64 { return t.execNS }

// StopNS returns how long (ns) the engine took from SIGTERM until it was
// reaped, or 0 if it was not asked to end or did not.
func (t *Target) StopNS() int64 { return t.stopNS }

// Exited reports whether the host has ended and has been reaped.
func (t *Target) Exited() bool {
	select {
	case <-t.exited:
		return true
	default:
		return false
	}
}

// Status returns the status of the engine.
func (t *Target) Status(ctx context.Context) (*control.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	return t.client.Status(ctx)
}

// Events subscribes to the engine's events, beginning with the first.
func (t *Target) Events(ctx context.Context) (*control.Stream, error) {
	return t.client.Events(ctx, true)
}

// Processes returns the engine's live processes, including the host.
func (t *Target) Processes() ([]probe.Process, error) { return probe.Session(t.PID()) }

// Leftovers describes what an ended engine has left behind, one item per
// string.
type Leftovers []string

// Stop asks the engine to end, as a user would, and waits until it has. The
// error describes how it failed to end in order. Leftovers have been removed.
func (t *Target) Stop() (Leftovers, error) {
	if t.Exited() {
		return t.clean(), fmt.Errorf("target: the engine had ended before it was asked to, with %s: %s",
			t.cmd.ProcessState, t.lastWords())
	}
	t.remember()
	asked := clock.Now()
	if err := t.cmd.Process.Signal(unix.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return t.clean(), fmt.Errorf("target: %w", err)
	}
	select {
	case <-t.exited:
	case <-time.After(stopLimit):
		t.Kill()
		return t.clean(), fmt.Errorf("target: the engine did not end within %s of SIGTERM", stopLimit)
	}
	t.stopNS = clock.Now() - asked
	left := t.clean()
	if code := t.cmd.ProcessState.ExitCode(); code != 0 {
		return left, fmt.Errorf("target: the engine ended with %s: %s", t.cmd.ProcessState, t.lastWords())
	}
	return left, nil
}

// Kill ends the engine and everything it has started, without asking. It may be
// called at any time, and more than once.
func (t *Target) Kill() {
	t.cmd.Process.Kill()
	<-t.exited
	t.clean()
}

// remember records the memfds of the engine, to find out later which of them
// are still held.
func (t *Target) remember() {
	t.memfds = map[probe.Memfd]string{}
	processes, _ := t.Processes()
	for _, p := range processes {
		_ = probe.Memfds(p.PID, t.memfds) // a process that has just died holds none
	}
}

// clean removes what an ended host has left behind, and returns what it was.
func (t *Target) clean() Leftovers {
	var left Leftovers
	processes, err := t.Processes()
	if err != nil {
		left = append(left, err.Error())
	}
	for _, p := range processes {
		if p.PID == t.PID() && !t.Exited() {
			continue
		}
		left = append(left, fmt.Sprintf("process %d (%s, %c)", p.PID, p.Name, p.State))
		unix.Kill(p.PID, unix.SIGKILL)
	}
	if _, err := os.Lstat(t.socket()); err == nil {
		left = append(left, "socket "+socketFile)
		os.Remove(t.socket())
	}
	held, err := probe.Holders(t.memfds)
	if err != nil {
		left = append(left, err.Error())
	}
	return append(left, held...)
}

// lastWords returns the end of the log.
func (t *Target) lastWords() string {
	const most = 300
	text, err := os.ReadFile(t.path(LogFile))
	if err != nil {
		return err.Error()
	}
	s := strings.TrimSpace(string(text))
	if s == "" {
		return "it printed nothing"
	}
	if i := strings.LastIndexByte(s, '\n'); i >= 0 {
		s = s[i+1:]
	}
	return s[max(0, len(s)-most):]
}
