package supervisor

import (
	"os"

	"golang.org/x/sys/unix"
)

// bequeathed are the capabilities that children are given because the host's file has them: the right to SCHED_FIFO and
// to locked memory. They go down as ambient ones and not as capabilities of the children's own files, because the kernel
// forgets PR_SET_PDEATHSIG where a file with capabilities is executed (prctl(2)), and a worker must not outlive its host.
// Root's children have them anyway.
func bequeathed() (caps []uintptr) {
	if os.Geteuid() == 0 {
		return nil
	}
	for _, c := range []uintptr{unix.CAP_SYS_NICE, unix.CAP_IPC_LOCK} {
		if permitted(c) {
			caps = append(caps, c)
		}
	}
	return caps
}

func permitted(c uintptr) bool {
	var data [2]unix.CapUserData // version 3 has two words of each
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	return unix.Capget(&hdr, &data[0]) == nil && data[c/32].Permitted>>(c%32)&1 != 0
}
