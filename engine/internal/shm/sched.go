package shm

import (
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Priorities under SCHED_FIFO. A spare stands above the renderers until it has
// caught up: at the same priority as a dying worker it would wait for that
// worker's memory to be torn down. A worker's other threads, which are the
// runtime's, stand below the renderers: when a worker is killed, each of its
// threads must run once more to die, and the one whose death is announced must
// be the first. That halved the time until a death is known.
const (
	PriorityPlayer   = 20
	PriorityHost     = 15
	PrioritySpare    = 12
	PriorityRenderer = 10
	PriorityRuntime  = 9
)

// MaxCPUs is how many CPUs a renderer chooses from.
const MaxCPUs = 64

// Fifo puts a thread (0: the calling one) under SCHED_FIFO; with priority 0,
// back under SCHED_OTHER.
func Fifo(tid, priority int) error {
	p, policy := int32(priority), uintptr(unix.SCHED_FIFO)
	if priority == 0 {
		policy = unix.SCHED_NORMAL
	}
	_, _, e := unix.RawSyscall(unix.SYS_SCHED_SETSCHEDULER, uintptr(tid), policy, uintptr(unsafe.Pointer(&p)))
	if e != 0 {
		return e
	}
	return nil
}

// FifoAll puts every thread of the process under SCHED_FIFO. The Go runtime's
// own threads do next to nothing here, but a killed process is dead only when
// the last of its threads has run once more, and at normal priority, beside a
// process that keeps the CPUs busy, that takes long.
//
// It reads /proc/self/task itself: this package is part of every worker, and
// each import of a library would add to the time of every exec.
func FifoAll(priority int) error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range tasks {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			continue
		}
		if err := Fifo(tid, priority); err != nil && err != unix.ESRCH {
			return err
		}
	}
	return nil
}

// CPUs returns the CPUs that the calling thread may use.
func CPUs() (set unix.CPUSet, err error) {
	err = unix.SchedGetaffinity(0, &set)
	return set, err
}

// Pin pins the calling thread to one CPU.
func Pin(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	return unix.SchedSetaffinity(0, &set)
}

// Roam lets the calling thread use all CPUs of set again.
func Roam(set *unix.CPUSet) error { return unix.SchedSetaffinity(0, set) }
