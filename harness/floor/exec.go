package floor

import (
	"errors"
	"fmt"
	"os/exec"
	"syscall"

	"chronus/engine/clock"

	"golang.org/x/sys/unix"
)

// execute starts a trivial process and returns the time (ns) from just before fork(2) until it stood before its first instruction. That
// is where the kernel stops a process that is traced: no code of the child's own, which would have a loader and a runtime before
// it, has to tell the time. The calling thread must be locked: it is the tracer.
func execute() (int64, error) {
	cmd := exec.Command("sleep", "2147483647")
	cmd.SysProcAttr = deathSignal(nil)
	cmd.SysProcAttr.Ptrace = true
	before := clock.Now()
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("floor: exec: %w", err)
	}
	var status syscall.WaitStatus
	err := retry(func() error {
		_, err := syscall.Wait4(cmd.Process.Pid, &status, 0, nil)
		return err
	})
	after := clock.Now()
	cmd.Process.Kill()
	cmd.Wait() // its error is the signal
	switch {
	case err != nil:
		return 0, fmt.Errorf("floor: exec: %w", err)
	case !status.Stopped():
		return 0, errors.New("floor: exec: the child was not stopped before its first instruction")
	}
	return after - before, nil
}

// retry calls f until no signal interrupts it.
func retry(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
