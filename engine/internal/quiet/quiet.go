//go:build linux

// Package quiet keeps the Go runtime out of the sound's way, in the processes
// that make the sound and hand it out: whatever the runtime would do by itself
// later is done here, before the first block. It must not touch anything but
// the runtime.
package quiet

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
)

// procs is the number of Ps: at least as many as there are threads that may
// run, so that none waits for another's.
const procs = 4

// settings configure the Go runtime of such a process: no garbage collection
// below a limit that it never reaches, no preemption signals, which would
// interrupt its system calls, all its Ps from the beginning, and the stack of
// the goroutine that crashed.
var settings = []string{
	"GOGC=off", "GOMEMLIMIT=1GiB", "GODEBUG=asyncpreemptoff=1", fmt.Sprintf("GOMAXPROCS=%d", procs),
	"GOTRACEBACK=single",
}

// Environ returns the environment that such a process is to be started with:
// the user's, for the libraries of sound devices, without whatever is Chronus's
// own or configures the Go runtime; own, which the flags decide; and the
// runtime's settings. No name is in it twice, because the first one would beat
// the last.
func Environ(user, own []string) []string {
	fixed := slices.Concat(own, settings)
	return append(slices.DeleteFunc(slices.Clone(user), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return strings.HasPrefix(name, "CHRONUS_") || slices.ContainsFunc(fixed, func(ours string) bool {
			return strings.HasPrefix(ours, name+"=")
		})
	}), fixed...)
}

// Begin does what can still be done for a process that was started without
// Environ.
// That stops the world twice.
func Begin() {
	if runtime.GOMAXPROCS(0) < procs {
		runtime.GOMAXPROCS(procs)
	}
	if os.Getenv("GOGC") != "off" {
		debug.SetGCPercent(-1)
	}
}

// Threads makes the runtime start n threads. Starting one later would allocate,
// and touch new memory for its stack.
func Threads(n int) {
	var ready, done sync.WaitGroup
	ready.Add(n)
	for range n {
		done.Go(func() {
			runtime.LockOSThread() // it keeps its thread while it waits, so the next one needs another
			ready.Done()
			ready.Wait()
			runtime.UnlockOSThread()
		})
	}
	done.Wait()
}

// Allocs counts the heap objects that the process has allocated since it
// settled: the first reading is the zero. An exact count would stop the
// process. The runtime counts small objects when a span of them is full, those
// of 16 bytes at every 512th.
type Allocs struct {
	sample [2]metrics.Sample
	zero   uint64
	last   uint64
	set    bool
	// Collections that are excluded, and those at the last reading.
	skipped, collected uint64
}

// Read returns the count.
func (a *Allocs) Read() uint64 {
	n := a.objects()
	if !a.set {
		a.zero, a.set = n, true
	}
	a.last, a.collected = n-a.zero, a.sample[1].Value.Uint64()
	return a.last
}

// Skip excludes what was allocated and collected since the last reading from
// the counts.
func (a *Allocs) Skip() {
	a.zero, a.set = a.objects()-a.last, true
	a.skipped += a.sample[1].Value.Uint64() - a.collected
	a.collected = a.sample[1].Value.Uint64()
}

// Collections returns how many garbage collections there had been at the last
// reading, since the process began, except those that Skip excluded.
func (a *Allocs) Collections() uint64 { return a.collected - a.skipped }

func (a *Allocs) objects() uint64 {
	a.sample[0].Name, a.sample[1].Name = "/gc/heap/allocs:objects", "/gc/cycles/total:gc-cycles"
	metrics.Read(a.sample[:])
	return a.sample[0].Value.Uint64()
}
