//go:build !amd64

package worker

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"chronus/engine/clock"
	"chronus/engine/internal/shm"
)

// onTerm makes SIGTERM give the leave notice.
func onTerm(own *shm.Ring) error {
	term := make(chan os.Signal, 1)
	signal.Notify(term, unix.SIGTERM)
	go func() {
		for range term {
			own.LeaveNS.Store(clock.Now())
			own.Leave.Store(1)
			shm.Wake(&own.Leave)
		}
	}()
	return nil
}
