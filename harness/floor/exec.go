package floor

import (
	"errors"
	"fmt"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"chronus/engine/clock"
)

// execute starts a trivial process and returns the time (ns) from just before
// fork(2) until the process stands before its first instruction. That is where
// the kernel stops a traced process, so no code of the child's own, which a
// loader and a runtime would precede, has to read the clock. The calling
// goroutine must be locked to its thread, which becomes the tracer.
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
	cmd.Wait() // fails: the child was killed
	switch {
	case err != nil:
		return 0, fmt.Errorf("floor: exec: %w", err)
	case !status.Stopped():
		return 0, errors.New("floor: exec: the child was not stopped before its first instruction")
	}
	return after - before, nil
}

// retry calls f until it is not interrupted by a signal.
func retry(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
