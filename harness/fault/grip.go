package fault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"chronus/engine/clock"
)

// grip holds a process by a pidfd, so that a signal can never reach another
// process that was given the same pid.
type grip struct {
	pid   int
	pidfd int // -1 if the grip holds nothing
}

func hold(pid int) (grip, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return grip{pidfd: -1}, fmt.Errorf("fault: pid %d: %w", pid, err)
	}
	return grip{pid, fd}, nil
}

func (g grip) signal(sig unix.Signal) error {
	if err := unix.PidfdSendSignal(g.pidfd, sig, nil, 0); err != nil {
		return fmt.Errorf("fault: signal %d to pid %d: %w", sig, g.pid, err)
	}
	return nil
}

// gone waits until the process has died.
func (g grip) gone(ctx context.Context) error {
	fds := []unix.PollFd{{Fd: int32(g.pidfd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 20)
		switch {
		case n > 0:
			return nil
		case err != nil && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("fault: pid %d: %w", g.pid, err)
		case ctx.Err() != nil:
			return fmt.Errorf("fault: pid %d is still alive: %w", g.pid, context.Cause(ctx))
		}
	}
}

// halted waits until every thread of the process has stopped.
func (g grip) halted(ctx context.Context) error {
	for {
		still, err := running(g.pid)
		if err != nil || !still {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("fault: pid %d does not stop: %w", g.pid, context.Cause(ctx))
		}
		time.Sleep(200 * time.Microsecond)
	}
}

// running reports whether any thread of a process is neither stopped nor dead.
func running(pid int) (bool, error) {
	threads, err := procfs.AllThreads(pid)
	if err != nil {
		return false, fmt.Errorf("fault: pid %d: %w", pid, err)
	}
	for _, thread := range threads {
		stat, err := thread.Stat()
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ESRCH): // it has ended
		case err != nil:
			return false, fmt.Errorf("fault: thread %d of pid %d: %w", thread.PID, pid, err)
		case !strings.Contains("TtZX", stat.State):
			return true, nil
		}
	}
	return false, nil
}

func (g grip) release() {
	if g.pidfd >= 0 {
		unix.Close(g.pidfd)
	}
}

// strike calls act between two readings of the clock.
func strike(act func() error) (Moment, error) {
	m := Moment{Before: clock.Now(), Exact: true}
	err := act()
	m.After = clock.Now()
	return m, err
}
