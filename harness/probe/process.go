package probe

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Usage is what one process holds.
type Usage struct {
	FDs     int // open descriptors, those below included
	Memfds  int
	Sockets int
	Threads int
	RSS     int64 // resident bytes
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

// Read reads the usage of a live process. The error is an fs.ErrNotExist when it is gone.
func Read(pid int) (Usage, error) {
	var u Usage
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	fds, err := os.ReadDir(dir)
	if err != nil {
		return u, fmt.Errorf("probe: pid %d: %w", pid, err)
	}
	for _, fd := range fds {
		target, err := os.Readlink(filepath.Join(dir, fd.Name()))
		if err != nil {
			continue // closed since
		}
		u.FDs++
		switch {
		case strings.HasPrefix(target, "/memfd:"):
			u.Memfds++
		case strings.HasPrefix(target, "socket:"):
			u.Sockets++
		}
	}
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return u, fmt.Errorf("probe: pid %d: %w", pid, err)
	}
	u.Threads = int(field(status, "Threads:"))
	u.RSS = field(status, "VmRSS:") * 1024
	return u, nil
}

// field returns the number behind a name of /proc/<pid>/status, 0 when there is none.
func field(status []byte, name string) int64 {
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte(name)); ok {
			if words := bytes.Fields(rest); len(words) > 0 {
				n, _ := strconv.ParseInt(string(words[0]), 10, 64)
				return n
			}
		}
	}
	return 0
}

// Process is one line of the process table.
type Process struct {
	PID, Parent, Session int
	State                byte   // R, S, D, T (stopped), Z (zombie), X: see proc(5)
	Start                uint64 // clock ticks since boot: with the pid, names a process for good
	Name                 string
}

// Dead says that the process has ended and only waits to be reaped.
func (p Process) Dead() bool { return p.State == 'Z' || p.State == 'X' }

// Find reads one process. The error is an fs.ErrNotExist when there is none.
func Find(pid int) (Process, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return Process{}, fmt.Errorf("probe: pid %d: %w", pid, err)
	}
	return parseStat(text)
}

// parseStat reads /proc/<pid>/stat. The name stands in brackets and may itself hold brackets and blanks, so the fields are
// counted from the last closing one.
func parseStat(text []byte) (Process, error) {
	bad := func() (Process, error) { return Process{}, fmt.Errorf("probe: cannot read process status %q", text) }
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 1 || end < open {
		return bad()
	}
	rest := strings.Fields(string(text[end+1:]))
	if len(rest) < 20 || len(rest[0]) != 1 {
		return bad()
	}
	p := Process{Name: string(text[open+1 : end]), State: rest[0][0]}
	var errs [4]error
	p.PID, errs[0] = strconv.Atoi(strings.TrimSpace(string(text[:open])))
	p.Parent, errs[1] = strconv.Atoi(rest[1])
	p.Session, errs[2] = strconv.Atoi(rest[3])
	p.Start, errs[3] = strconv.ParseUint(rest[19], 10, 64)
	for _, err := range errs {
		if err != nil {
			return bad()
		}
	}
	return p, nil
}

// Session lists the live processes of a session. Whatever a session leader's descendants do with process groups, and
// whoever adopts them once it is gone, they stay in its session: so none can be overlooked.
func Session(id int) ([]Process, error) {
	all, err := Members(id)
	return slices.DeleteFunc(all, Process.Dead), err
}

// Members lists all processes of a session: also those that have ended and that nobody has reaped.
func Members(id int) ([]Process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	var found []Process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if p, err := Find(pid); err == nil && p.Session == id {
			found = append(found, p)
		}
	}
	return found, nil
}
