package fault

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// stoppedHost stops the host and continues it later. In between, the player and
// the workers are on their own, as they are when the host is busy. A host that
// stayed stopped could not even be asked to end.
type stoppedHost struct {
	grip
	stopped bool
}

func newAlone(s Spec, block time.Duration, _ Point) Fault {
	return whileImpaired(s, block, &stoppedHost{grip: grip{pidfd: -1}}, false)
}

// impair waits until each thread of the host has stopped: one that still ran
// could notice the kill.
func (h *stoppedHost) impair(ctx context.Context, host int) (err error) {
	if h.grip, err = hold(host); err != nil {
		return err
	}
	if err := h.signal(unix.SIGSTOP); err != nil {
		return err
	}
	h.stopped = true
	return h.halted(ctx)
}

func (h *stoppedHost) repair() error {
	if !h.stopped {
		return nil
	}
	h.stopped = false
	return h.signal(unix.SIGCONT)
}
