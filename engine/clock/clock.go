// Package clock is the one clock of the engine and of the harness: raw
// CLOCK_MONOTONIC in nanoseconds, which every process of a machine reads alike,
// so that a time stamped by one can be compared with a time stamped by another.
package clock

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Now returns the current time in ns.
func Now() int64 {
	var ts unix.Timespec
	_, _, _ = unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano()
}

// SleepUntil sleeps until t, in ns. It is meant for real-time threads: the raw
// system call tells the Go scheduler nothing, so coming back depends on no lock
// that a thread of lower priority might hold. The goroutine keeps its P
// meanwhile and holds up a garbage collection; in a process that collects, use
// ParkUntil.
func SleepUntil(t int64) {
	ts := unix.NsecToTimespec(t)
	for {
		_, _, e := unix.RawSyscall6(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME,
			uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
		if e != syscall.EINTR {
			return
		}
	}
}

// ParkUntil is SleepUntil for a thread that tells the Go scheduler it sleeps.
func ParkUntil(t int64) {
	ts := unix.NsecToTimespec(t)
	for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &ts, nil) == unix.EINTR {
		// A signal was handled: sleep on until the same time.
	}
}
