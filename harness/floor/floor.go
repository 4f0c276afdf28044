package floor

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Priorities under SCHED_FIFO. Each is that of the engine's thread in the same
// part: a victim has the renderer's, the waiter the supervisor's, a ticker the
// player's.
const (
	victimPriority = 10
	waiterPriority = 15
	tickerPriority = 20
)

// Stall is one sleep of a ticker that ended late by an eighth of a period or
// more.
type Stall struct {
	CPU    int   `json:"cpu"`
	DueNS  int64 `json:"due_ns"`  // CLOCK_MONOTONIC
	WokeNS int64 `json:"woke_ns"` // CLOCK_MONOTONIC
}

const stallShare = 8

// Duration returns how late the sleep ended.
func (s Stall) Duration() time.Duration { return time.Duration(s.WokeNS - s.DueNS) }

// Overlaps reports whether the stall and the interval from..to (ns,
// CLOCK_MONOTONIC, both ends included) have an instant in common.
func (s Stall) Overlaps(from, to int64) bool { return s.DueNS <= to && from <= s.WokeNS }

// Report is what the tickers have seen since the previous report.
type Report struct {
	Ticks  int     `json:"ticks"`
	P50NS  int64   `json:"p50_ns"` // of the lateness of all ticks
	P99NS  int64   `json:"p99_ns"`
	MaxNS  int64   `json:"max_ns"`
	Stalls []Stall `json:"stalls"`
	Fifo   bool    `json:"fifo"` // whether every ticker is under SCHED_FIFO
}

// request is one line to the floor process. Do is "hold" (make N victims
// ready), "kill" (one of them), "exec" (start a child) or "report".
type request struct {
	Do string `json:"do"`
	N  int    `json:"n,omitempty"`
}

type reply struct {
	Error   string  `json:"error,omitempty"`
	PidfdNS int64   `json:"pidfd_ns,omitempty"`
	ExecNS  int64   `json:"exec_ns,omitempty"`
	Report  *Report `json:"report,omitempty"`
}

// Floor is a running floor process. Its methods must not be called
// concurrently.
type Floor struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// Start starts the floor process with a command that ends up in Serve, and
// gives its tickers the period. Close must be called.
func Start(command []string, period time.Duration) (*Floor, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "GOGC=off", "GODEBUG=asyncpreemptoff=1")
	cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", periodEnv, period))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("floor: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("floor: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("floor: %w", err)
	}
	f := &Floor{cmd: cmd, in: in, out: bufio.NewReader(out)}
	if _, err := f.Report(); err != nil { // then it runs, and its figures begin here
		return nil, errors.Join(err, f.Close(), errors.New(strings.TrimSpace(stderr.String())))
	}
	return f, nil
}

// Hold makes n victims ready to be killed. It starts processes, so it should
// not be called while an engine plays.
func (f *Floor) Hold(n int) error {
	_, err := f.ask(request{Do: "hold", N: n})
	return err
}

// Kill kills one victim and returns the time from just before kill(2) until its
// pidfd was readable. It is an error if no victim is ready.
func (f *Floor) Kill() (time.Duration, error) {
	r, err := f.ask(request{Do: "kill"})
	return time.Duration(r.PidfdNS), err
}

// Exec starts a trivial process and returns the time from just before fork(2)
// until the process stood before its first instruction.
func (f *Floor) Exec() (time.Duration, error) {
	r, err := f.ask(request{Do: "exec"})
	return time.Duration(r.ExecNS), err
}

// Report returns what the tickers have seen since the last call.
func (f *Floor) Report() (*Report, error) {
	r, err := f.ask(request{Do: "report"})
	if err == nil && r.Report == nil {
		err = errors.New("floor: report: the reply has none")
	}
	return r.Report, err
}

// Close ends the process and its victims. The error is that of the process.
func (f *Floor) Close() error {
	f.in.Close()
	return f.cmd.Wait()
}

func (f *Floor) ask(q request) (reply, error) {
	var r reply
	line, err := json.Marshal(q)
	if err != nil {
		return r, fmt.Errorf("floor: %w", err)
	}
	if _, err := f.in.Write(append(line, '\n')); err != nil {
		return r, fmt.Errorf("floor: %s: %w", q.Do, err)
	}
	answer, err := f.out.ReadBytes('\n')
	if err != nil {
		return r, fmt.Errorf("floor: %s: the floor process ended: %w", q.Do, err)
	}
	if err := json.Unmarshal(answer, &r); err != nil {
		return r, fmt.Errorf("floor: %s: %w", q.Do, err)
	}
	if r.Error != "" {
		return r, errors.New(r.Error)
	}
	return r, nil
}

// periodEnv passes the period of the tickers (ns) to the floor process.
const periodEnv = "CHRONUS_FLOOR_PERIOD_NS"

// Serve is the floor process: it ticks, and answers requests until in ends. It
// locks the calling goroutine to its thread and never unlocks it.
func Serve(in io.Reader, out io.Writer) error {
	runtime.LockOSThread() // the victims die with this thread
	var period time.Duration
	if _, err := fmt.Sscan(os.Getenv(periodEnv), (*int64)(&period)); err != nil || period <= 0 {
		return fmt.Errorf("floor: %s=%q: not a duration in ns", periodEnv, os.Getenv(periodEnv))
	}
	tickers, err := startTickers(period)
	if err != nil {
		return err
	}
	var v victims
	defer v.end()
	lines := bufio.NewScanner(in)
	answers := json.NewEncoder(out)
	for lines.Scan() {
		var q request
		var r reply
		err := json.Unmarshal(lines.Bytes(), &q)
		if err == nil {
			switch q.Do {
			case "hold":
				err = v.hold(q.N)
			case "kill":
				r.PidfdNS, err = v.kill()
			case "exec":
				r.ExecNS, err = execute()
			case "report":
				r.Report = tickers.report()
			default:
				err = fmt.Errorf("floor: unknown request %q", q.Do)
			}
		}
		if err != nil {
			r.Error = err.Error()
		}
		if err := answers.Encode(r); err != nil {
			return fmt.Errorf("floor: %w", err)
		}
	}
	return lines.Err()
}

// deathSignal makes a child die with the thread that starts it.
func deathSignal(pidfd *int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, PidFD: pidfd}
}
