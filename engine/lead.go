//go:build linux

package engine

import (
	"runtime"
	"slices"

	"chronus/engine/clock"
	"chronus/engine/dsp"
)

const (
	defaultLead = 3
	// Without SCHED_FIFO a worker competes with everything else on the machine. A sample of bare sleeps shows how late a
	// thread may wake; a worker needs that long twice, to notice a death and to catch up after it.
	minOtherLead = 8
	maxOtherLead = 24
	sleeps       = 60
	// shareLead is how many blocks more a patch needs that takes all the time there is: the more of it a block takes, the
	// longer a worker that has fallen behind stays behind.
	shareLead = 24
)

// chooseLead is 3 blocks under SCHED_FIFO. Without it, it follows from how late a thread of normal priority wakes now, and from
// how much of its time a block takes to render.
func chooseLead(fifo bool, prog *dsp.Program) int {
	if fifo {
		return defaultLead
	}
	block := int64(prog.Frames) * 1e9 / int64(prog.Rate)
	measured := make(chan int)
	go func() {
		runtime.LockOSThread()
		late, at := int64(0), clock.Now()
		for range sleeps {
			at = max(at, clock.Now()) + 1e6
			clock.SleepUntil(at)
			late = max(late, clock.Now()-at)
		}
		measured <- defaultLead + 2*int(late/block+1) + int(shareLead*renderNS(prog)/block)
	}()
	return min(max(<-measured, minOtherLead), maxOtherLead)
}

// renderNS is the time a block takes to render: the median of a few.
func renderNS(prog *dsp.Program) int64 {
	st, out := slices.Clone(prog.Initial), make([]float32, prog.Frames*prog.Channels)
	var times [9]int64
	for i := range times {
		start := clock.Now()
		prog.Render(st, out)
		times[i] = clock.Now() - start
	}
	slices.Sort(times[:])
	return times[len(times)/2]
}
