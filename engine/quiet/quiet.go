//go:build linux

// Package quiet keeps the Go runtime out of the sound's way, in the processes that make it and hand it out: everything the
// runtime would do by itself later, it does here, before the first block.
package quiet

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// threads is how many the runtime is made to have; more than it ever needs at once in a worker or a player.
const threads = 6

// Begin switches collection off and has at least as many Ps as threads that may run, so that none waits for another's.
func Begin() {
	runtime.GOMAXPROCS(4)
	debug.SetGCPercent(-1)
}

// Threads makes the runtime start its threads. One that it starts later allocates, and its stack is new memory to touch.
func Threads() {
	var all sync.WaitGroup
	for range threads {
		all.Go(func() {
			pause := unix.NsecToTimespec(int64(2 * time.Millisecond))
			_ = unix.Nanosleep(&pause, nil) // a system call each, at the same time: each holds a thread
		})
	}
	all.Wait()
}

// Allocs counts the heap objects that the process has allocated since it settled: the first reading is the zero.
type Allocs struct {
	sample [1]metrics.Sample
	zero   uint64
	set    bool
}

// Read is the count now.
func (a *Allocs) Read() uint64 {
	a.sample[0].Name = "/gc/heap/allocs:objects"
	metrics.Read(a.sample[:])
	n := a.sample[0].Value.Uint64()
	if !a.set {
		a.zero, a.set = n, true
	}
	return n - a.zero
}
