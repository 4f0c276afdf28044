package fault

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// withoutDescriptors sets the host's limit of descriptors to 0, so that it
// cannot start a process, and lifts it later. A limit of processes (a control
// group's, RLIMIT_NPROC) fails a start in the same place, but cannot be set
// everywhere, or does not bind root.
type withoutDescriptors struct {
	host    int
	limit   unix.Rlimit // as it was
	limited bool
}

func newSpawnFails(s Spec, block time.Duration, _ Point) Fault {
	return whileImpaired(s, block, new(withoutDescriptors), true)
}

func (h *withoutDescriptors) impair(_ context.Context, host int) error {
	h.host = host
	if err := unix.Prlimit(host, unix.RLIMIT_NOFILE, nil, &h.limit); err != nil {
		return fmt.Errorf("fault: limits of pid %d: %w", host, err)
	}
	h.limited = true
	return h.set(unix.Rlimit{Cur: 0, Max: h.limit.Max})
}

func (h *withoutDescriptors) set(l unix.Rlimit) error {
	if err := unix.Prlimit(h.host, unix.RLIMIT_NOFILE, &l, nil); err != nil {
		return fmt.Errorf("fault: limit the descriptors of pid %d: %w", h.host, err)
	}
	return nil
}

func (h *withoutDescriptors) repair() error {
	if !h.limited {
		return nil
	}
	h.limited = false
	return h.set(h.limit)
}

func (h *withoutDescriptors) release() {}
