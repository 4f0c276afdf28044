package worker

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"chronus/engine/clock"
	"chronus/engine/dsp"
	"chronus/engine/internal/comm"
	"chronus/engine/internal/failpoint"
	"chronus/engine/internal/quiet"
	"chronus/engine/internal/ring"
	"chronus/engine/internal/roster"
	"chronus/engine/internal/shm"
)

// The descriptors that a worker is started with.
const (
	FDHost    = 3 + iota // host region, read-only
	FDPlayer             // player region, read-only
	FDProgram            // the compiled patch
	FDOwn                // its own ring, writable
	FDRings              // all rings in slot order, read-only
)

// threads is how many threads the worker ever needs at once, besides those that
// the runtime starts for itself. It is no higher because each is one more
// thread that has to run before a killed process is gone.
const threads = 3

// minRTTime is how long a worker under SCHED_FIFO may compute without sleeping
// before the kernel kills it, in ns, at the least.
const minRTTime = 20e6

// rtTime is that time for a geometry. A worker sleeps between two blocks once
// it has computed for breatheAfter, and a block that takes longer than two
// blocks' time cannot be played anyway.
func rtTime(g shm.Geometry) int64 { return max(minRTTime, breatheAfter+2*g.BlockNS()) }

// Main is the worker executable, `chronus-worker SLOT GENERATION`, started with
// the descriptors above. It returns the exit code.
func Main(args []string) int {
	slot, generation, err := parse(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chronus-worker:", err)
		return 2
	}
	runtime.LockOSThread()
	comm.Set(filepath.Base(os.Args[0]))
	quiet.Begin()
	signal.Ignore(unix.SIGINT, unix.SIGHUP) // a terminal's signals are for the host
	if err := run(slot, generation); err != nil {
		fmt.Fprintf(os.Stderr, "worker slot %d pid %d generation %d: %v\n",
			slot, os.Getpid(), generation, err)
		return 1
	}
	return 0
}

func parse(args []string) (slot int, generation uint32, err error) {
	if len(args) != 2 {
		return 0, 0, fmt.Errorf("want a slot and a generation: chronus starts this program, not a user")
	}
	slot, err = strconv.Atoi(args[0])
	if err != nil || slot < 0 || slot >= shm.MaxSlots {
		return 0, 0, fmt.Errorf("slot %q: want 0 to %d", args[0], shm.MaxSlots-1)
	}
	g, err := strconv.ParseUint(args[1], 10, 32)
	if err != nil {
		return 0, 0, fmt.Errorf("generation %q: want a number", args[1])
	}
	return slot, uint32(g), nil
}

func run(slot int, generation uint32) error {
	all, err := roster.Open(FDHost, FDPlayer, FDRings, false)
	if err != nil {
		return err
	}
	host := all.Host
	if slot >= int(host.Geo.Slots) {
		return fmt.Errorf("slot %d: the pool has %d", slot, host.Geo.Slots)
	}
	own, err := shm.OpenRing(os.NewFile(FDOwn, "own ring"), host, true)
	if err != nil {
		return err
	}
	blob, err := shm.ReadBlob(os.NewFile(FDProgram, "program"))
	if err != nil {
		return err
	}
	prog, err := dsp.Decode(blob)
	if err != nil {
		return err
	}
	w, err := New(all, own, slot, prog)
	if err != nil {
		return err
	}
	if host.Geo.Fifo != 0 {
		us := uint64(rtTime(host.Geo) / 1000)
		_ = unix.Setrlimit(unix.RLIMIT_RTTIME, &unix.Rlimit{Cur: us, Max: us})
	}
	_ = shm.Lock() // the host has already logged what is not granted
	w.warm()
	failpoint.Watch(&host.Failpoint, uint32(slot))
	own.Generation, own.PID = generation, int32(os.Getpid())
	if err := shm.HoldRobust(&own.Robust); err != nil {
		return fmt.Errorf("robust futex: %w", err)
	}
	w.said.robust = own.Robust.Load()
	if err := onTerm(own); err != nil {
		return fmt.Errorf("SIGTERM: %w", err)
	}
	quiet.Threads(threads)
	go count(own)
	if host.Geo.Fifo != 0 {
		_ = shm.FifoAll(shm.PriorityRuntime)
	}
	own.ReadyNS.Store(clock.Now())
	return w.Run()
}

// warm runs on private memory what a spare does when it is activated. Code and
// data that were first touched then would cost a page fault each, and those
// microseconds would be part of a failover. Only the contents of the arenas
// change, which the first restore replaces.
func (w *Worker) warm() {
	scratch := shm.ScratchRing(w.Host.Geo)
	copy(w.state, w.prog.Initial)
	for n := range uint64(2) {
		w.prog.RenderBlock(w.state, n, w.out)
		ring.Publish(scratch, w.fold, ring.Block{Number: n, Prev: n}, w.out, w.state)
		ring.CopyState(scratch, w.fold, n, &w.source.header, w.source.samples, w.spare)
		w.source.find(w.spare)
	}
	w.due(0)
}

// count publishes the process's allocation counts once per second.
func count(own *shm.Ring) {
	var allocs quiet.Allocs
	for range time.Tick(time.Second) {
		own.Allocs.Store(allocs.Read())
		own.Collected.Store(allocs.Collections())
	}
}
