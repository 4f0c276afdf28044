package supervisor

import (
	"os"

	"golang.org/x/sys/unix"

	"chronus/engine/internal/capability"
)

// bequeathed returns the capabilities that children are given because the
// host's file has them: the right to SCHED_FIFO and to locked memory. They are
// passed down as ambient capabilities and not set on the children's own files,
// because the kernel forgets PR_SET_PDEATHSIG when a file with capabilities is
// executed (prctl(2)), and a worker must not outlive its host. Root's children
// have them anyway.
func bequeathed() (caps []uintptr) {
	if os.Geteuid() == 0 {
		return nil
	}
	for _, c := range []uintptr{unix.CAP_SYS_NICE, unix.CAP_IPC_LOCK} {
		if capability.Permitted(uint(c)) {
			caps = append(caps, c)
		}
	}
	return caps
}
