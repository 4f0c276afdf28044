package shm

import (
	"sync/atomic"
	"syscall"
	"unsafe"

	"chronus/engine/clock"

	"golang.org/x/sys/unix"
)

// Futex operations without the PRIVATE flag: the words are shared between processes, and waiting works through a
// read-only mapping (futex(2), futex2(2)).
const (
	futexWait = 0
	futexWake = 1

	// FutexOwnerDied marks a robust futex whose thread has exited; FutexWaiters asks the kernel to wake somebody then.
	FutexOwnerDied = 0x40000000
	FutexWaiters   = 0x80000000
	futexTID       = 0x3fffffff

	sizeU32 = 2 // FUTEX2_SIZE_U32
)

// The waits below are for real-time threads: raw system calls, which tell the Go scheduler nothing, so that coming back
// depends on no lock that a thread of lower priority might hold. A goroutine in one keeps its P and holds up a garbage
// collection; where there is one, the wait must be short.

// Wait sleeps while *word is val, until woken, for at most ns nanoseconds (negative: for ever). It may return early.
func Wait(word *atomic.Uint32, val uint32, ns int64) {
	if ns < 0 {
		_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait, uintptr(val), 0, 0, 0)
		return
	}
	ts := unix.NsecToTimespec(ns)
	_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait, uintptr(val), uintptr(unsafe.Pointer(&ts)), 0, 0)
}

// Park is Wait for a thread that may come back some microseconds late: it tells the Go scheduler (see WaitSet.Park).
func Park(word *atomic.Uint32, val uint32, ns int64) {
	ts := unix.NsecToTimespec(ns)
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait, uintptr(val), uintptr(unsafe.Pointer(&ts)), 0, 0)
}

// Wake wakes all who wait on word.
func Wake(word *atomic.Uint32) {
	_, _, _ = unix.RawSyscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWake, 1<<30)
}

// Low is the futex in the lower half of a counter.
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

// WaitSet waits on several words at once. It is not for two goroutines.
type WaitSet struct {
	w  []waiter
	ts unix.Timespec
}

// NewWaitSet is a set with room for n words.
func NewWaitSet(n int) *WaitSet {
	return &WaitSet{w: make([]waiter, 0, n)}
}

// Reset empties the set.
func (s *WaitSet) Reset() { s.w = s.w[:0] }

// Add waits for word to be other than val.
func (s *WaitSet) Add(word *atomic.Uint32, val uint32) {
	s.w = append(s.w, waiter{val: uint64(val), uaddr: uint64(uintptr(unsafe.Pointer(word))), flags: sizeU32})
}

// Wait sleeps until one of the words is woken or is other than expected already, for at most ns nanoseconds (negative:
// for ever). It may return early.
func (s *WaitSet) Wait(ns int64) {
	_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX_WAITV, s.first(), uintptr(len(s.w)), 0, s.until(ns), unix.CLOCK_MONOTONIC, 0)
}

// Park is Wait for one that may be long, or must not hold up a garbage collection: it tells the Go scheduler. While a P is kept, the
// runtime watches it a hundred times a second; where none is, that thread sleeps too. Coming back can take a lock of the scheduler, and
// some microseconds. It is not for whoever waits a block at a time: the runtime would take the P away within 20 us each time and watch
// all the closer, which was measured to take more of a processor than the sound.
func (s *WaitSet) Park(ns int64) {
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX_WAITV, s.first(), uintptr(len(s.w)), 0, s.until(ns), unix.CLOCK_MONOTONIC, 0)
}

func (s *WaitSet) first() uintptr { return uintptr(unsafe.Pointer(&s.w[0])) }

// until puts the deadline where the kernel finds it: in the set, which is on the heap and does not move.
func (s *WaitSet) until(ns int64) uintptr {
	if ns < 0 {
		return 0
	}
	s.ts = unix.NsecToTimespec(clock.Now() + ns)
	return uintptr(unsafe.Pointer(&s.ts))
}

// Supported says whether this kernel has what Chronus stands on: futex_waitv came last, with Linux 5.16.
func Supported() bool {
	_, _, e := unix.Syscall6(unix.SYS_FUTEX_WAITV, 0, 0, 0, 0, 0, 0)
	return e != syscall.ENOSYS
}

// robustList is struct robust_list_head of linux/futex.h and, behind it, the one node of its list. It lies in a private
// mapping, never on the Go heap: the kernel walks it while the process dies.
type robustList struct {
	next    uintptr
	offset  int64
	pending uintptr
	node    uintptr
}

// HoldRobust makes word a robust futex of the calling thread, which must be locked to its goroutine, be of a process
// without cgo (libc keeps a list of its own) and live as long as the process: at the start of its exit, before memory is
// torn down, the kernel sets FutexOwnerDied and wakes one waiter.
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

// Alive says whether the thread that holds a robust futex has been seen to live and not to die.
func Alive(word uint32) bool { return word&futexTID != 0 && word&FutexOwnerDied == 0 }

// Died says whether the kernel has seen the holder exit.
func Died(word uint32) bool { return word&FutexOwnerDied != 0 }
