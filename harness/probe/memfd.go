package probe

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// memfdPrefix begins the link target of a descriptor that is open on a memfd.
const memfdPrefix = "/memfd:"

// Memfd identifies one memfd for as long as any process holds it.
type Memfd struct{ dev, inode uint64 }

// Descriptor is a descriptor that a process has open on a memfd.
type Descriptor struct {
	Memfd Memfd
	Name  string // as given to memfd_create(2)
	Path  string // in /proc; opening it opens the memfd
	proc  procfs.Proc
	fd    string
}

// Descriptors returns the descriptors that a process has open on memfds. One
// memfd may be open on several of them.
func Descriptors(pid int) ([]Descriptor, error) {
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return nil, fmt.Errorf("probe: pid %d: %w", pid, err)
	}
	return descriptors(proc)
}

// descriptors reads the links by hand because procfs lists the numbers of the
// descriptors and, in a second pass, their targets, but does not pair them.
func descriptors(proc procfs.Proc) ([]Descriptor, error) {
	fds, err := proc.FileDescriptors()
	if err != nil {
		return nil, fmt.Errorf("probe: pid %d: %w", proc.PID, err)
	}
	var all []Descriptor
	for _, n := range fds {
		fd := strconv.Itoa(int(n))
		path := filepath.Join(procfs.DefaultMountPoint, strconv.Itoa(proc.PID), "fd", fd)
		target, err := os.Readlink(path)
		name, ok := strings.CutPrefix(target, memfdPrefix)
		if err != nil || !ok {
			continue
		}
		var st syscall.Stat_t
		if syscall.Stat(path, &st) == nil {
			all = append(all, Descriptor{
				Memfd: Memfd{uint64(st.Dev), st.Ino}, Name: strings.TrimSuffix(name, " (deleted)"),
				Path: path, proc: proc, fd: fd,
			})
		}
	}
	return all, nil
}

// Writable reports whether the descriptor was opened for reading and writing.
func (d Descriptor) Writable() bool {
	info, err := d.proc.FDInfo(d.fd)
	if err != nil {
		return false
	}
	flags, err := strconv.ParseUint(info.Flags, 8, 64)
	return err == nil && flags&unix.O_ACCMODE == unix.O_RDWR
}

// Memfds adds to all the memfds that a process holds open, with their names.
func Memfds(pid int, all map[Memfd]string) error {
	held, err := Descriptors(pid)
	for _, d := range held {
		all[d.Memfd] = d.Name
	}
	return err
}

// Holders returns a line for each process on this machine and each of the given
// memfds that the process still holds open. It skips the processes of other
// users, which it may not inspect.
func Holders(of map[Memfd]string) ([]string, error) {
	if len(of) == 0 {
		return nil, nil
	}
	procs, err := procfs.AllProcs()
	if err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	var lines []string
	for _, proc := range procs {
		held, err := descriptors(proc)
		if err != nil {
			continue
		}
		seen := map[Memfd]bool{}
		for _, d := range held {
			if _, ok := of[d.Memfd]; ok && !seen[d.Memfd] {
				seen[d.Memfd] = true
				lines = append(lines, fmt.Sprintf("memfd %s, held by process %d", d.Name, proc.PID))
			}
		}
	}
	return lines, nil
}
