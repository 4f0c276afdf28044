package floor

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"chronus/engine/clock"
	"chronus/harness/schedule"
)

// victims are trivial processes that wait to be killed.
type victims struct{ waiting []victim }

type victim struct {
	cmd   *exec.Cmd
	pidfd int
}

// hold starts victims until n are waiting.
func (v *victims) hold(n int) error {
	for len(v.waiting) < n {
		var one victim
		one.cmd = exec.Command("sleep", "2147483647")
		one.cmd.SysProcAttr = deathSignal(&one.pidfd)
		if err := one.cmd.Start(); err != nil {
			return fmt.Errorf("floor: victim: %w", err)
		}
		if one.pidfd < 0 {
			one.cmd.Process.Kill()
			err := errors.New("floor: victim: no pidfd: Linux 5.16 or newer is needed")
			return errors.Join(err, one.cmd.Wait())
		}
		// If this is refused, the engine's workers do not have the priority
		// either.
		schedule.Fifo(one.cmd.Process.Pid, victimPriority)
		v.waiting = append(v.waiting, one)
	}
	return nil
}

// kill kills one victim and returns the time (ns) from just before kill(2)
// until a thread that was already waiting, as the engine's supervisor is, saw
// the pidfd become readable.
func (v *victims) kill() (int64, error) {
	if len(v.waiting) == 0 {
		return 0, errors.New("floor: kill: no victim is held")
	}
	one := v.waiting[len(v.waiting)-1]
	v.waiting = v.waiting[:len(v.waiting)-1]
	defer one.reap()

	ready, known := make(chan struct{}), make(chan int64)
	go func() {
		runtime.LockOSThread()
		schedule.Fifo(0, waiterPriority)
		close(ready)
		fds := []unix.PollFd{{Fd: int32(one.pidfd), Events: unix.POLLIN}}
		for {
			if _, err := unix.Poll(fds, -1); !errors.Is(err, unix.EINTR) {
				known <- clock.Now()
				return
			}
		}
	}()
	<-ready
	time.Sleep(time.Millisecond) // long enough for the waiter to be in poll(2)
	before := clock.Now()
	if err := one.cmd.Process.Kill(); err != nil {
		return 0, fmt.Errorf("floor: kill: %w", err)
	}
	return <-known - before, nil
}

func (v *victims) end() {
	for _, one := range v.waiting {
		one.reap()
	}
	v.waiting = nil
}

func (one victim) reap() {
	one.cmd.Process.Kill()
	one.cmd.Wait() // fails: the victim was killed
	unix.Close(one.pidfd)
}
