package probe

import (
	"fmt"
	"slices"

	"github.com/prometheus/procfs"
)

// Process is one entry of the process table, see proc_pid_stat(5).
type Process struct {
	PID, Parent, Session int
	State                byte   // R, S, D, T (stopped), Z (zombie), X (dead)
	Start                uint64 // clock ticks since boot; pid and start together are unique
	Name                 string // at most 15 bytes of the executable's name
}

// Dead reports whether the process has ended and is only waiting to be reaped.
func (p Process) Dead() bool { return p.State == 'Z' || p.State == 'X' }

// Find returns the process with the given pid. The error wraps fs.ErrNotExist
// if there is none.
func Find(pid int) (Process, error) {
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return Process{}, fmt.Errorf("probe: pid %d: %w", pid, err)
	}
	return process(proc)
}

func process(proc procfs.Proc) (Process, error) {
	stat, err := proc.Stat()
	if err != nil {
		return Process{}, fmt.Errorf("probe: pid %d: %w", proc.PID, err)
	}
	return Process{
		PID: stat.PID, Parent: stat.PPID, Session: stat.Session,
		State: stat.State[0], Start: stat.Starttime, Name: stat.Comm,
	}, nil
}

// Session returns the live processes of a session. The descendants of a session
// leader stay in its session whatever they do with process groups and whichever
// process adopts them once the leader is gone, so none is overlooked.
func Session(id int) ([]Process, error) {
	all, err := Members(id)
	return slices.DeleteFunc(all, Process.Dead), err
}

// Members returns all processes of a session, including those that have ended
// but have not been reaped.
func Members(id int) ([]Process, error) {
	procs, err := procfs.AllProcs()
	if err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	slices.SortFunc(procs, func(a, b procfs.Proc) int { return a.PID - b.PID })
	var found []Process
	for _, proc := range procs {
		if p, err := process(proc); err == nil && p.Session == id {
			found = append(found, p)
		}
	}
	return found, nil
}
