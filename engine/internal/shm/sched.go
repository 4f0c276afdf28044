package shm

import (
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Priorities under SCHED_FIFO. A spare stands above the renderers until it has caught up: started beside a dying worker
// of the same priority it would wait for that worker's memory to be torn down. The other threads of a worker, which are the
// runtime's, stand below the renderers: of a worker that was killed all threads must run once more to die, and the first must be the
// one whose death is told, which halved the time until it is.
const (
	PriorityPlayer   = 20
	PriorityHost     = 15
	PrioritySpare    = 12
	PriorityRenderer = 10
	PriorityRuntime  = 9
)

// MaxCPUs is how many CPUs a renderer chooses from.
const MaxCPUs = 64

// Fifo puts a thread (0: the calling one) under SCHED_FIFO; with priority 0, back under SCHED_OTHER.
func Fifo(tid, priority int) error {
	p, policy := int32(priority), uintptr(unix.SCHED_FIFO)
	if priority == 0 {
		policy = unix.SCHED_NORMAL
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SCHED_SETSCHEDULER, uintptr(tid), policy, uintptr(unsafe.Pointer(&p))); e != 0 {
		return e
	}
	return nil
}

// FifoAll puts every thread of the process under SCHED_FIFO. The Go runtime's own threads do next to nothing here, but a
// killed process is dead only when the last of its threads has run once more: at normal priority, beside somebody who
// keeps the processors busy, that takes long.
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

// Roam lets the calling thread use all of set again.
func Roam(set *unix.CPUSet) error { return unix.SchedSetaffinity(0, set) }
