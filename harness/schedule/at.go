package schedule

import (
	"context"
	"runtime"

	"chronus/engine/clock"
)

// Priority is the SCHED_FIFO priority of a thread that injects faults: above
// every thread of the engine. With a lower one it would only ever run while no
// renderer does, and no fault would hit a worker while it renders.
const Priority = 30

// At sleeps until the absolute time due (ns, CLOCK_MONOTONIC) and then calls
// act at once, on a thread under SCHED_FIFO if that is allowed. It returns the
// error of act, or that of ctx if ctx ended before the sleep began. A sleep
// that has begun is finished, so due should be near: a few blocks away.
func At(ctx context.Context, due int64, act func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread and its priority end with the goroutine
		Fifo(0, Priority)
		clock.ParkUntil(due)
		done <- act()
	}()
	return <-done
}
