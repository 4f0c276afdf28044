package supervisor

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"chronus/engine/internal/quiet"
)

// spawner starts processes from one thread that lives as long as the host.
// PR_SET_PDEATHSIG follows the thread that forked, so a child of a thread that
// the Go runtime retires would die with that thread.
type spawner struct {
	jobs  chan job
	ended chan struct{}
}

type job struct {
	exe   *Executable
	args  []string
	files []*os.File // from descriptor 3 on
	env   []string
	// stderr is the child's, and closed here; nil: /dev/null. See newStderr.
	stderr *os.File
	// orphan is set for a child that outlives the host for as long as it takes
	// to fade out; all others die with the host.
	orphan bool
	done   func(*os.Process, error)
}

func newSpawner() *spawner {
	s := &spawner{jobs: make(chan job, 64), ended: make(chan struct{})}
	go s.run()
	return s
}

// close ends the thread, and with it every child except orphans. Nothing may be
// started afterwards.
func (s *spawner) close() {
	close(s.jobs)
	<-s.ended
}

func (s *spawner) run() {
	defer close(s.ended)
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	for j := range s.jobs {
		if err != nil {
			if j.stderr != nil {
				_ = j.stderr.Close()
			}
			j.done(nil, err)
			continue
		}
		j.done(start(j, null))
	}
	if null != nil {
		_ = null.Close()
	}
}

func start(j job, null *os.File) (*os.Process, error) {
	attr := &syscall.SysProcAttr{Setpgid: true, AmbientCaps: bequeathed()}
	if !j.orphan {
		attr.Pdeathsig = syscall.SIGKILL
	}
	said := j.stderr
	if said == nil {
		said = null
	} else {
		defer said.Close()
	}
	// The program is the last of the child's own descriptors. At its number in
	// this process, one of the others could have been put on their way to their
	// places: an engine with many rings could not start a worker.
	files := append(append([]*os.File{null, null, said}, j.files...), j.exe.file)
	program := fmt.Sprintf("/proc/self/fd/%d", len(files)-1)
	p, err := os.StartProcess(program, append([]string{j.exe.path}, j.args...), &os.ProcAttr{
		Env: j.env, Files: files, Sys: attr,
	})
	if err == nil {
		return p, nil
	}
	if path := (*os.PathError)(nil); errors.As(err, &path) {
		err = path.Err // its path is that of a descriptor
	}
	return nil, fmt.Errorf("start %s: %w", j.exe.path, err)
}

// lasting reports whether err, of a start, is one that the next start would
// have as well: the file is no program for this machine. Everything else, such
// as a limit that was hit, may pass.
func lasting(err error) bool {
	return errors.Is(err, unix.ENOEXEC) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ELIBBAD)
}

// childEnv returns the environment of the real-time processes.
func (s *Supervisor) childEnv() []string { return quiet.Environ(os.Environ(), s.cfg.Env) }
