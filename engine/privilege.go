//go:build linux

package engine

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"chronus/engine/internal/capability"
	"chronus/engine/internal/shm"
)

// fifoGranted reports whether SCHED_FIFO may be used, by using it.
func fifoGranted() bool {
	ok := make(chan bool)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends here, and its priority with it
		ok <- shm.Fifo(0, shm.PriorityPlayer) == nil
	}()
	return <-ok
}

// privilege is what the machine grants this process and the children that
// inherit from it.
type privilege struct {
	fifo    bool
	rtprio  uint64 // limit of the real-time priority
	memlock uint64 // limit of locked memory, bytes; math.MaxUint64: none
	space   uint64 // address space of one of the engine's processes, bytes
	ipcLock bool   // the limit of locked memory does not apply to this process
}

func measurePrivilege(fifo bool) privilege {
	p := privilege{fifo: fifo, memlock: math.MaxUint64}
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_RTPRIO, &l) == nil {
		p.rtprio = l.Cur
	}
	if unix.Getrlimit(unix.RLIMIT_MEMLOCK, &l) == nil {
		p.memlock = l.Cur
	}
	// mlockall(2) counts the whole address space against the limit, reserved or
	// used. Most of it is what the Go runtime reserves, which is about the same
	// in each of the engine's processes: more than a gigabyte.
	if self, err := procfs.Self(); err == nil {
		if statm, err := self.Statm(); err == nil {
			p.space = statm.SizeBytes()
		}
	}
	p.ipcLock = capability.Effective(unix.CAP_IPC_LOCK)
	return p
}

// missing names what is not granted; "" if nothing is missing.
func (p privilege) missing() string {
	var all []string
	switch {
	case p.fifo:
	case p.rtprio < shm.PriorityPlayer:
		all = append(all, fmt.Sprintf("SCHED_FIFO (rtprio limit %d, %d needed)", p.rtprio, shm.PriorityPlayer))
	default:
		all = append(all, fmt.Sprintf("SCHED_FIFO (refused despite an rtprio limit of %d: "+
			"a container or control group forbids it)", p.rtprio))
	}
	if !p.ipcLock && p.memlock < p.space {
		all = append(all, fmt.Sprintf("locked memory (memlock limit %d KiB)", p.memlock/1024))
	}
	return strings.Join(all, " and ")
}

// warnPrivilege logs in one line what is not granted, what that costs and how
// to grant it.
func warnPrivilege(c *Config, fifo bool) {
	missing := measurePrivilege(fifo).missing()
	if missing == "" {
		return
	}
	self, err := os.Executable()
	if err != nil {
		self = "chronus"
	}
	cost := "memory may be paged out"
	if !fifo {
		cost = "playing with a longer lead"
	}
	c.Log.Warn("not granted: "+missing+"; "+cost,
		"lead_blocks", c.Lead, "lead_ms", math.Round(float64(c.Lead*c.Frames)*1e4/float64(c.Rate))/10,
		"grant", "rtprio 20 and memlock unlimited in /etc/security/limits.conf, or setcap cap_sys_nice,cap_ipc_lock+ep "+
			self+", or the unit that chronus run --systemd-unit prints")
}
