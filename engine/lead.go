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
	// Without SCHED_FIFO a worker competes with everything else on the machine.
	// A sample of bare sleeps shows how late a thread may wake; a worker needs
	// that long twice, to notice a death and to catch up after it.
	minOtherLead = 8
	maxOtherLead = 24
	// maxOtherNS is the longest lead in time that is chosen, for blocks so long
	// that the smallest one covers every lateness.
	maxOtherNS = 1e9
	sleeps     = 60
	// shareLead is how many more blocks of lead a patch would need if rendering
	// took all the time there is. A patch that takes a share of the time needs
	// that share of shareLead: the longer a block takes to render, the longer a
	// worker that has fallen behind stays behind.
	shareLead = 24
)

// chooseLead returns the lead in blocks, which is 3 under SCHED_FIFO. Without
// SCHED_FIFO it depends on how late a thread of normal priority wakes at
// present, and on the share of a block's time that it takes to render.
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
	return min(max(<-measured, minOtherLead), maxOtherLead, max(int(maxOtherNS/block), defaultLead))
}

// renderNS returns the time that a block takes to render, in ns: the median of
// a few.
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
