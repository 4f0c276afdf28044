package listener

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The sound as the server plays it: 32-bit floats, so that nothing is rounded.
const (
	Rate     = 44100 // Hz
	Channels = 2
)

// Names of the programs, which are looked up on PATH.
const (
	serverProgram   = "pulseaudio"
	recorderProgram = "parec"
)

// startLimit is a hundred times as long as a server or a recorder needs.
const startLimit = 20 * time.Second

// Pulse is a PulseAudio server whose only output is silent. It shares nothing
// with any other server: its socket, its configuration and its state are in a
// directory of its own.
type Pulse struct {
	dir  string
	proc *process
}

// StartPulse starts a server and returns once it accepts connections. Close
// must be called. See Missing for where that is not possible.
func StartPulse() (*Pulse, error) {
	dir, err := os.MkdirTemp("", "chronus-pulse-")
	if err != nil {
		return nil, fmt.Errorf("listener: %w", err)
	}
	p := &Pulse{dir: dir}
	if err := p.Start(); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Start starts the server again, at the same address, after Kill. It returns
// once the server accepts connections.
func (p *Pulse) Start() error {
	if err := os.WriteFile(p.path("daemon.conf"), nil, 0o600); err != nil {
		return fmt.Errorf("listener: %w", err)
	}
	// Without norewinds, a stream with low latency pauses for more than a
	// second after its first blocks. Without disable-shm, the server
	// occasionally aborts when a player with which it shares memory dies:
	// "Cannot send block reference with non-registered memfd ID", then a failed
	// assertion in memblock.c (PulseAudio issue 824).
	cmd := exec.Command(serverProgram,
		"-n", "--daemonize=no", "--system=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm=yes",
		"-L", fmt.Sprintf("module-null-sink sink_name=null rate=%d channels=%d format=float32le norewinds=1", Rate, Channels),
		"-L", fmt.Sprintf("module-native-protocol-unix socket=%s auth-anonymous=1", p.socket()))
	cmd.Env = p.env()
	log, err := os.Create(p.path("log"))
	if err != nil {
		return fmt.Errorf("listener: %w", err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if p.proc, err = start(cmd); err != nil {
		return err
	}
	err = p.proc.until(startLimit, func() bool {
		c, err := net.Dial("unix", p.socket())
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	if err != nil {
		return fmt.Errorf("%w: %s", err, lastLine(p.path("log")))
	}
	return nil
}

// Address returns the address of the server, as in PULSE_SERVER.
func (p *Pulse) Address() string { return "unix:" + p.socket() }

// PID returns the process ID of the server.
func (p *Pulse) PID() int { return p.proc.cmd.Process.Pid }

// Kill kills the server, which can send no farewell to its clients, and waits
// until it has ended.
func (p *Pulse) Kill() {
	p.proc.kill()
	os.Remove(p.socket())
}

// Close ends the server and removes its directory.
func (p *Pulse) Close() {
	if p.proc != nil {
		p.Kill()
	}
	os.RemoveAll(p.dir)
}

func (p *Pulse) path(name string) string { return filepath.Join(p.dir, name) }
func (p *Pulse) socket() string          { return p.path("native") }

// env returns the whole environment of the server and its recorders.
func (p *Pulse) env() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "HOME=" + p.dir, "TMPDIR=" + p.dir,
		"XDG_RUNTIME_DIR=" + p.dir, "XDG_CONFIG_HOME=" + p.dir,
		"PULSE_RUNTIME_PATH=" + p.dir, "PULSE_STATE_PATH=" + p.dir, "PULSE_CONFIG=" + p.path("daemon.conf"),
	}
}

// process is a child that dies with the thread that started it. That thread
// lives until the child has been reaped.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
}

func start(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, exited: make(chan struct{})}
	// A process group of its own: Ctrl-C in a terminal must not reach it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // the error is in ProcessState too
			close(p.exited)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("listener: %w", err)
	}
	return p, nil
}

// until waits until a condition is met. It is an error if the process ends
// first or the limit passes.
func (p *process) until(limit time.Duration, met func() bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for !met() {
		select {
		case <-p.exited:
			return fmt.Errorf("listener: %s ended: %s", p.name(), p.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("listener: %s: not ready after %s", p.name(), limit)
		case <-time.After(2 * time.Millisecond):
		}
	}
	return nil
}

func (p *process) name() string { return filepath.Base(p.cmd.Path) }

func (p *process) kill() {
	_ = p.cmd.Process.Signal(unix.SIGKILL)
	<-p.exited
}

// lastLine returns the last line of a log, or why there is none.
func lastLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return last
	}
	return "it printed nothing"
}

// Missing returns why this machine cannot run a server and a recorder, or "" if
// it can.
func Missing() (why string) {
	for _, program := range []string{serverProgram, recorderProgram} {
		if _, err := exec.LookPath(program); err != nil {
			return program + " is not on PATH (make deps installs it)"
		}
	}
	return ""
}
