package shm

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Priorities under SCHED_FIFO. A spare stands above the renderers until it has caught up: started beside a dying worker
// of the same priority it would wait for that worker's memory to be torn down.
const (
	PriorityPlayer   = 20
	PriorityHost     = 15
	PrioritySpare    = 12
	PriorityRenderer = 10
)

// Fifo puts a thread (0: the calling one) under SCHED_FIFO.
func Fifo(tid, priority int) error {
	p := int32(priority)
	if _, _, e := unix.RawSyscall(unix.SYS_SCHED_SETSCHEDULER, uintptr(tid), unix.SCHED_FIFO, uintptr(unsafe.Pointer(&p))); e != 0 {
		return e
	}
	return nil
}

// Normal puts the calling thread back under SCHED_OTHER.
func Normal() error {
	var p int32
	if _, _, e := unix.RawSyscall(unix.SYS_SCHED_SETSCHEDULER, 0, unix.SCHED_NORMAL, uintptr(unsafe.Pointer(&p))); e != 0 {
		return e
	}
	return nil
}

// Prefer binds the calling thread to one processor.
func Prefer(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	return unix.SchedSetaffinity(0, &set)
}
