package probe

import (
	"fmt"
	"strings"

	"github.com/prometheus/procfs"
)

// Usage is what one process holds.
type Usage struct {
	FDs     int // open descriptors, including those counted below
	Memfds  int
	Sockets int
	Threads int
	RSS     int64 // resident memory, bytes
}

// Max returns the larger of each figure of u and v.
func (u Usage) Max(v Usage) Usage {
	return Usage{
		FDs: max(u.FDs, v.FDs), Memfds: max(u.Memfds, v.Memfds), Sockets: max(u.Sockets, v.Sockets),
		Threads: max(u.Threads, v.Threads), RSS: max(u.RSS, v.RSS),
	}
}

// Min returns the smaller of each figure of u and v.
func (u Usage) Min(v Usage) Usage {
	return Usage{
		FDs: min(u.FDs, v.FDs), Memfds: min(u.Memfds, v.Memfds), Sockets: min(u.Sockets, v.Sockets),
		Threads: min(u.Threads, v.Threads), RSS: min(u.RSS, v.RSS),
	}
}

// Read returns the usage of a live process. The error wraps fs.ErrNotExist if
// there is no such process.
func Read(pid int) (Usage, error) {
	u, err := read(pid)
	if err != nil {
		return u, fmt.Errorf("probe: pid %d: %w", pid, err)
	}
	return u, nil
}

func read(pid int) (u Usage, err error) {
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return u, err
	}
	targets, err := proc.FileDescriptorTargets()
	if err != nil {
		return u, err
	}
	for _, target := range targets {
		if target == "" {
			continue // closed since the directory was read
		}
		u.FDs++
		switch {
		case strings.HasPrefix(target, memfdPrefix):
			u.Memfds++
		case strings.HasPrefix(target, "socket:"):
			u.Sockets++
		}
	}
	stat, err := proc.Stat()
	if err != nil {
		return u, err
	}
	u.Threads = stat.NumThreads
	// statm shows the same counters as VmRSS in status; the rss field of stat
	// is documented as inaccurate.
	statm, err := proc.Statm()
	if err != nil {
		return u, err
	}
	u.RSS = int64(statm.ResidentBytes())
	return u, nil
}
