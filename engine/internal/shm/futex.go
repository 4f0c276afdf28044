package shm

import (
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"chronus/engine/clock"
)

// Futex operations without the PRIVATE flag: the words are shared between
// processes, and waiting works through a read-only mapping (futex(2),
// futex2(2)).
const (
	futexWait = 0
	futexWake = 1

	// FutexOwnerDied marks a robust futex whose thread has exited. FutexWaiters
	// makes the kernel wake a waiter when it sets that mark.
	FutexOwnerDied = 0x40000000
	FutexWaiters   = 0x80000000
	futexTID       = 0x3fffffff

	sizeU32 = 2 // FUTEX2_SIZE_U32
)

// The functions named Wait are for real-time threads: raw system calls that the
// Go scheduler does not see, so that coming back depends on no lock that a
// thread of lower priority might hold. A goroutine in one keeps its P and holds
// up a garbage collection; in a process that collects, the wait must be short.

// Wait sleeps while *word is val, until woken, for at most ns nanoseconds
// (negative: without limit). It may return early.
func Wait(word *atomic.Uint32, val uint32, ns int64) {
	if ns < 0 {
		_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait, uintptr(val),
			0, 0, 0)
		return
	}
	ts := unix.NsecToTimespec(ns)
	_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait, uintptr(val),
		uintptr(unsafe.Pointer(&ts)), 0, 0)
}

// Park is Wait for a thread that may come back some microseconds late: the Go
// scheduler sees the wait (see WaitSet.Park).
func Park(word *atomic.Uint32, val uint32, ns int64) {
	ts := unix.NsecToTimespec(ns)
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait, uintptr(val),
		uintptr(unsafe.Pointer(&ts)), 0, 0)
}

// Wake wakes every thread that waits on word.
func Wake(word *atomic.Uint32) {
	_, _, _ = unix.RawSyscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWake, 1<<30)
}

// Low returns the futex in the lower half of a counter.
func Low(counter *atomic.Uint64) *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Pointer(counter))
}

// waiter is struct futex_waitv.
type waiter struct {
	val   uint64
	uaddr uint64
	flags uint32
	_     uint32
}

// WaitSet waits on several words at once. Two goroutines must not share one.
type WaitSet struct {
	w  []waiter
	ts unix.Timespec
}

// NewWaitSet returns a set with room for n words.
func NewWaitSet(n int) *WaitSet {
	return &WaitSet{w: make([]waiter, 0, n)}
}

// Reset empties the set.
func (s *WaitSet) Reset() { s.w = s.w[:0] }

// Add makes the set wait until word is other than val.
func (s *WaitSet) Add(word *atomic.Uint32, val uint32) {
	s.w = append(s.w, waiter{val: uint64(val), uaddr: uint64(uintptr(unsafe.Pointer(word))), flags: sizeU32})
}

// Wait sleeps until one of the words is woken, or does not sleep at all if one
// already differs from its expected value, for at most ns nanoseconds
// (negative: without limit). It may return early.
func (s *WaitSet) Wait(ns int64) {
	_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX_WAITV, s.first(), uintptr(len(s.w)), 0, s.until(ns),
		unix.CLOCK_MONOTONIC, 0)
}

// Park is Wait for a wait that may be long, or that must not hold up a garbage
// collection: the Go scheduler sees it. While a thread in a system call keeps a
// P, the runtime checks on it a hundred times per second; if no thread does,
// the runtime's own thread sleeps too. Coming back may take a lock of the
// scheduler and some microseconds.
//
// Park is not for a thread that waits one block at a time. The runtime would
// take the P away within 20 us each time and watch all the more closely, which
// was measured to take more CPU time than the sound.
func (s *WaitSet) Park(ns int64) {
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX_WAITV, s.first(), uintptr(len(s.w)), 0, s.until(ns),
		unix.CLOCK_MONOTONIC, 0)
}

func (s *WaitSet) first() uintptr { return uintptr(unsafe.Pointer(&s.w[0])) }

// until puts the deadline where the kernel finds it: in the set, which is on
// the heap and does not move.
func (s *WaitSet) until(ns int64) uintptr {
	if ns < 0 {
		return 0
	}
	s.ts = unix.NsecToTimespec(clock.Now() + ns)
	return uintptr(unsafe.Pointer(&s.ts))
}

// Supported reports whether this kernel has what Chronus depends on. The newest
// of it is futex_waitv, which came with Linux 5.16.
func Supported() bool {
	_, _, e := unix.Syscall6(unix.SYS_FUTEX_WAITV, 0, 0, 0, 0, 0, 0)
	return e != syscall.ENOSYS
}

// robustList is struct robust_list_head of linux/futex.h followed by the one
// node of its list. It lies in a private mapping and never on the Go heap,
// because the kernel walks it while the process dies.
type robustList struct {
	next    uintptr
	offset  int64
	pending uintptr
	node    uintptr
}

// HoldRobust makes word a robust futex of the calling thread: at the start of
// the thread's exit, before memory is torn down, the kernel sets FutexOwnerDied
// and wakes one waiter. The thread must be locked to its goroutine, live as
// long as the process, and belong to a process without cgo, because libc keeps
// a robust list of its own.
func HoldRobust(word *atomic.Uint32) error {
	mem, err := unix.Mmap(-1, 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return err
	}
	l := (*robustList)(unsafe.Pointer(&mem[0]))
	at := uintptr(unsafe.Pointer(l))
	node := at + unsafe.Offsetof(l.node)
	l.next, l.node = node, at // a ring of one
	l.offset = int64(uintptr(unsafe.Pointer(word))) - int64(node)
	word.Store(uint32(unix.Gettid())&futexTID | FutexWaiters)
	if _, _, e := unix.RawSyscall(unix.SYS_SET_ROBUST_LIST, at, 24, 0); e != 0 {
		return e
	}
	return nil
}

// Alive reports whether a thread holds the robust futex and has not been seen
// to exit.
func Alive(word uint32) bool { return word&futexTID != 0 && word&FutexOwnerDied == 0 }

// Died reports whether the kernel has marked the word because its holder
// exited.
func Died(word uint32) bool { return word&FutexOwnerDied != 0 }
