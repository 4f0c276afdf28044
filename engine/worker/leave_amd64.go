package worker

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"chronus/engine/internal/shm"
)

// What the signal handler, which is in assembly, writes to.
var (
	noticed unix.Timespec  //lint:ignore U1000 see above
	leaveNS *atomic.Int64  //lint:ignore U1000 see above
	leave   *atomic.Uint32 //lint:ignore U1000 see above
)

func handlers() (handler, restorer uintptr)

// sigaction is struct kernel_sigaction.
type sigaction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

// onTerm makes SIGTERM give the leave notice, from the handler itself and on
// the thread that the signal hits. By way of the runtime's handler and a
// channel, three threads must wake one after the other before the notice is
// given; that took as long as the whole death of a small process.
func onTerm(own *shm.Ring) error {
	const onStack, withRestorer, restart = 0x08000000, 0x04000000, 0x10000000
	leaveNS, leave = &own.LeaveNS, &own.Leave
	act := sigaction{flags: onStack | withRestorer | restart, mask: ^uint64(0)}
	act.handler, act.restorer = handlers()
	_, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGTERM),
		uintptr(unsafe.Pointer(&act)), 0, 8, 0, 0)
	if e != 0 {
		return e
	}
	return nil
}
