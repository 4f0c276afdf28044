package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"chronus/engine/clock"
	"chronus/engine/control"
)

// both stands for the primary and the first standby.
const both = "both"

var (
	workerTargets   = []string{control.RolePrimary, control.RoleStandby, control.RoleSpare, both}
	survivorTargets = []string{control.RolePrimary, control.RoleStandby}
	crashTargets    = []string{control.RolePrimary, control.RoleStandby, control.RoleSpare, rolePlayer}
)

// choose picks the victims for a target from the status of a whole engine.
func choose(s *control.Status, target string) ([]Victim, error) {
	if target == rolePlayer {
		return []Victim{{Role: rolePlayer, Slot: PlayerSlot, PID: s.Player.PID}}, nil
	}
	if target == control.RoleSpare {
		w := nextSpare(s)
		if w == nil {
			return nil, errors.New("fault: no idle spare to hit")
		}
		return []Victim{victim(w)}, nil
	}
	var found []Victim
	for i := range s.Workers {
		w := &s.Workers[i]
		renders := w.Role == control.RolePrimary || w.Role == control.RoleStandby
		if w.State != control.WorkerDead && (w.Role == target || target == both && renders) {
			found = append(found, victim(w))
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("fault: no %s to hit", target)
	}
	most := 1
	if target == both {
		most = 2
	}
	return found[:min(most, len(found))], nil
}

func victim(w *control.Worker) Victim {
	return Victim{Role: w.Role, Slot: w.Slot, PID: w.PID, Generation: w.Generation}
}

// nextSpare predicts which spare takes the place of the primary: the idle one in the lowest slot. nil: there is none.
func nextSpare(s *control.Status) (next *control.Worker) {
	for i := range s.Workers {
		w := &s.Workers[i]
		if w.Role == control.RoleSpare && w.State == control.WorkerIdle && (next == nil || w.Slot < next.Slot) {
			next = w
		}
	}
	return next
}

// grip holds a process by a pidfd, so that a signal can never reach another one that was given its number.
type grip struct {
	pid   int
	pidfd int
}

func hold(pid int) (grip, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return grip{}, fmt.Errorf("fault: pid %d: %w", pid, err)
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
			return fmt.Errorf("fault: pid %d lives on: %w", g.pid, context.Cause(ctx))
		}
	}
}

// halted waits until every thread of the process is stopped.
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

// running says whether any thread of a process is neither stopped nor dead.
func running(pid int) (bool, error) {
	dir := fmt.Sprintf("/proc/%d/task", pid)
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return false, fmt.Errorf("fault: %w", err)
	}
	for _, task := range tasks {
		text, err := os.ReadFile(dir + "/" + task.Name() + "/stat")
		if err != nil {
			continue // the thread ended
		}
		if state := stateOf(text); state != 'T' && state != 't' && state != 'Z' && state != 'X' {
			return true, nil
		}
	}
	return false, nil
}

// stateOf is the field behind the bracketed name, see proc(5).
func stateOf(stat []byte) byte {
	for i := len(stat) - 3; i >= 0; i-- {
		if stat[i] == ')' {
			return stat[i+2]
		}
	}
	return 0
}

func (g grip) release() { unix.Close(g.pidfd) }

// strike runs act between two readings of the clock.
func strike(act func() error) (Moment, error) {
	m := Moment{Before: clock.Now(), Exact: true}
	err := act()
	m.After = clock.Now()
	return m, err
}
