//go:build linux

package engine

import (
	"runtime"

	"chronus/engine/shm"
)

// fifoGranted says whether SCHED_FIFO may be used, by using it.
func fifoGranted() bool {
	ok := make(chan bool)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread, whatever its priority now is, ends here
		ok <- shm.Fifo(0, shm.PriorityPlayer) == nil
	}()
	return <-ok
}

const (
	defaultLead = 3
	// Without SCHED_FIFO a worker competes with everything else on the machine. A sample of bare sleeps shows how late a
	// thread may wake; a worker needs that long twice, to notice a death and to catch up after it.
	minOtherLead = 8
	maxOtherLead = 24
	sleeps       = 60
)

// chooseLead is 3 blocks under SCHED_FIFO. Without it, it follows from how late a thread of normal priority wakes now.
func chooseLead(fifo bool, rate, frames int) int {
	if fifo {
		return defaultLead
	}
	worst := make(chan int64)
	go func() {
		runtime.LockOSThread()
		late := int64(0)
		at := shm.Now()
		for range sleeps {
			at = max(at, shm.Now()) + 1e6
			shm.SleepUntil(at)
			late = max(late, shm.Now()-at)
		}
		worst <- late
	}()
	block := int64(frames) * 1e9 / int64(rate)
	lead := defaultLead + 2*int(<-worst/block+1)
	return min(max(lead, minOtherLead), maxOtherLead)
}
