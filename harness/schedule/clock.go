package schedule

import (
	"context"
	"runtime"
	"time"

	"chronus/engine/clock"

	"golang.org/x/sys/unix"
)

// Priority is the SCHED_FIFO priority of a thread that injects faults: above every thread of the engine. A lower one would
// only ever run while no renderer does, and no fault would hit a worker while it renders.
const Priority = 30

// At sleeps to the absolute time due (ns) and calls act at once, on a thread under SCHED_FIFO where that is allowed. It
// returns act's error, or ctx's when ctx ended before the sleep began; a sleep that has begun is finished, so due should lie
// near: a few blocks.
func At(ctx context.Context, due int64, act func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and its priority with it
		Fifo(0, Priority)
		clock.ParkUntil(due)
		done <- act()
	}()
	return <-done
}

// FreeProcs keeps some of Go's processors free (GOMAXPROCS) beside those that the machine's can keep busy, so that a thread
// under SCHED_FIFO that wakes from a system call finds one at once. If it had to wait for a thread of normal priority to give it
// one, it would wait until no renderer runs, and no fault would ever hit a rendering worker. (A raw system call, which keeps the
// processor, is no way out: a goroutine that seems to run for 10 ms is made to yield when it returns, to the same effect. Of
// kills aimed at two threads that were busy for 55 % of the time, 24 % hit then, 57 % this way.)
func FreeProcs() { runtime.GOMAXPROCS(runtime.NumCPU() + 4) }

// Fifo puts the thread tid (0: the calling one, which must be locked) under SCHED_FIFO and reports whether that was allowed.
func Fifo(tid, priority int) bool {
	return unix.SchedSetAttr(tid, &unix.SchedAttr{
		Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: uint32(priority),
	}, 0) == nil
}

// Block is the duration of a block of frames at rate (Hz).
func Block(frames, rate int) time.Duration {
	return time.Duration(int64(frames) * int64(time.Second) / int64(rate))
}
