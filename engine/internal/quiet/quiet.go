//go:build linux

// Package quiet keeps the Go runtime out of the sound's way, in the processes that make it and hand it out: everything the
// runtime would do by itself later, it does here, before the first block.
package quiet

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// procs is how many Ps there are: at least as many as threads that may run, so that none waits for another's.
const procs = 4

// Env is what such a process is to be started with: no collection but under a limit that it never reaches, no preemption signals, which
// would interrupt its system calls, and its Ps from the beginning.
func Env() []string {
	return []string{"GOGC=off", "GOMEMLIMIT=1GiB", "GODEBUG=asyncpreemptoff=1", fmt.Sprintf("GOMAXPROCS=%d", procs)}
}

// Begin does for a process that was started otherwise what can still be done: it stops the world for that, twice.
func Begin() {
	if runtime.GOMAXPROCS(0) < procs {
		runtime.GOMAXPROCS(procs)
	}
	if os.Getenv("GOGC") != "off" {
		debug.SetGCPercent(-1)
	}
}

// Threads makes the runtime start n threads. One that it starts later allocates, and its stack is new memory to touch.
func Threads(n int) {
	var ready, done sync.WaitGroup
	ready.Add(n)
	for range n {
		done.Go(func() {
			runtime.LockOSThread() // waiting, it keeps its thread, so the next one needs another
			ready.Done()
			ready.Wait()
			runtime.UnlockOSThread()
		})
	}
	done.Wait()
}

// Allocs counts the heap objects that the process has allocated since it settled: the first reading is the zero. To know it to the
// object would stop the process. The runtime counts small ones when a span of them is full: of those of 16 bytes at every 512th.
type Allocs struct {
	sample [2]metrics.Sample
	zero   uint64
	last   uint64
	set    bool
}

// Read is the count now.
func (a *Allocs) Read() uint64 {
	n := a.objects()
	if !a.set {
		a.zero, a.set = n, true
	}
	a.last = n - a.zero
	return a.last
}

// Skip leaves out what was allocated since the last reading.
func (a *Allocs) Skip() {
	if a.set {
		a.zero = a.objects() - a.last
	}
}

// Collections is how often garbage had been collected at the last reading, since the process began.
func (a *Allocs) Collections() uint64 { return a.sample[1].Value.Uint64() }

func (a *Allocs) objects() uint64 {
	a.sample[0].Name, a.sample[1].Name = "/gc/heap/allocs:objects", "/gc/cycles/total:gc-cycles"
	metrics.Read(a.sample[:])
	return a.sample[0].Value.Uint64()
}
