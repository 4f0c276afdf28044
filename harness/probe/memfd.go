package probe

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Memfd names one memfd for as long as anybody holds it.
type Memfd struct{ dev, inode uint64 }

// Memfds adds those that a process holds open to all, with their names.
func Memfds(pid int, all map[Memfd]string) error {
	return eachMemfd(pid, func(m Memfd, name string) { all[m] = name })
}

// Holders tells, one line each, who on this machine still holds one of the memfds open. A process that may not be looked into is
// another user's.
func Holders(of map[Memfd]string) ([]string, error) {
	if len(of) == 0 {
		return nil, nil
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	var lines []string
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		held := map[Memfd]bool{} // by several descriptors, perhaps
		_ = eachMemfd(pid, func(m Memfd, name string) {
			if _, ok := of[m]; ok && !held[m] {
				held[m] = true
				lines = append(lines, fmt.Sprintf("memfd %s, held by process %d", name, pid))
			}
		})
	}
	return lines, nil
}

func eachMemfd(pid int, do func(m Memfd, name string)) error {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	fds, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("probe: pid %d: %w", pid, err)
	}
	for _, fd := range fds {
		path := filepath.Join(dir, fd.Name())
		target, err := os.Readlink(path)
		name, ok := strings.CutPrefix(target, "/memfd:")
		if err != nil || !ok {
			continue
		}
		var st syscall.Stat_t
		if syscall.Stat(path, &st) == nil {
			do(Memfd{uint64(st.Dev), st.Ino}, strings.TrimSuffix(name, " (deleted)"))
		}
	}
	return nil
}
