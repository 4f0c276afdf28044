package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	lockPatience = 5 * time.Second
	lockPoll     = 2 * time.Millisecond
	dialPatience = time.Second
)

// socket is a listening Unix socket that knows how to remove its file, and never another's.
//
// Whether a file is a dead engine's socket is found out by connecting; between that and bind, another engine could do
// the same and one would delete the live socket of the other. So look and bind, and removal too, happen under flock(2)
// of the directory the socket lies in: no lock file stays behind, and a killed holder's lock is gone with it.
type socket struct {
	*net.UnixListener
	dir  *os.File // kept open, so that removal finds the place whatever became of the working directory
	name string
	dev  uint64
	ino  uint64
}

func listenSocket(path string) (*socket, error) {
	address, err := socketAddress(path)
	if err != nil {
		return nil, err
	}
	dir, err := openDir(path)
	if err != nil {
		return nil, err
	}
	s, err := bind(path, address, dir)
	if err != nil {
		dir.Close()
		return nil, err
	}
	return s, nil
}

// openDir opens the directory the socket belongs in. Only the default one is made, and that one must be nobody else's:
// in /tmp anyone could have put it there first.
func openDir(path string) (*os.File, error) {
	parent := filepath.Dir(path)
	own := filepath.Clean(path) == DefaultPath()
	flags := os.O_RDONLY | unix.O_DIRECTORY
	if own {
		if err := os.Mkdir(parent, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, fmt.Errorf("control: %s: make its directory: %w", path, cause(err))
		}
		flags |= unix.O_NOFOLLOW
	}
	dir, err := os.OpenFile(parent, flags, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("control: %s: there is no directory %s", path, parent)
	} else if err != nil {
		return nil, fmt.Errorf("control: %s: directory %s: %w", path, parent, cause(err))
	}
	if !own {
		return dir, nil
	}
	var st unix.Stat_t
	err = unix.Fstat(int(dir.Fd()), &st)
	switch {
	case err != nil:
		err = fmt.Errorf("control: %s: directory %s: %w", path, parent, err)
	case int(st.Uid) != os.Geteuid():
		err = fmt.Errorf("control: %s: directory %s belongs to another user (uid %d)", path, parent, st.Uid)
	case st.Mode&0o022 != 0:
		err = fmt.Errorf("control: %s: directory %s can be written to by others (mode %#o)", path, parent, st.Mode&0o777)
	}
	if err != nil {
		dir.Close()
		return nil, err
	}
	return dir, nil
}

func bind(path, address string, dir *os.File) (*socket, error) {
	if err := lock(dir); err != nil {
		return nil, fmt.Errorf("control: %s: lock its directory: %w", path, err)
	}
	defer unlock(dir)
	s := &socket{dir: dir, name: filepath.Base(path)}
	if err := s.clear(path, address); err != nil {
		return nil, err
	}
	// The file takes its mode from the socket's inode, so that nobody else can connect at any instant.
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var chmod error
		if err := raw.Control(func(fd uintptr) { chmod = unix.Fchmod(int(fd), 0o600) }); err != nil {
			return err
		}
		return chmod
	}}
	l, err := config.Listen(context.Background(), "unix", address)
	if err != nil {
		return nil, fmt.Errorf("control: %s: %w", path, cause(err))
	}
	s.UnixListener = l.(*net.UnixListener)
	s.SetUnlinkOnClose(false) // it would not look whose file it is
	st, err := s.stat()
	if err == nil {
		s.dev, s.ino = st.Dev, st.Ino
		if st.Mode&0o777 != 0o600 { // a strange umask
			err = unix.Fchmodat(int(dir.Fd()), s.name, 0o600, 0)
		}
	}
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("control: %s: %w", path, err)
	}
	return s, nil
}

// clear makes the name free, if what has it is a socket that nobody listens on.
func (s *socket) clear(path, address string) error {
	st, err := s.stat()
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil
	case err != nil:
		return fmt.Errorf("control: %s: %w", path, err)
	case st.Mode&unix.S_IFMT != unix.S_IFSOCK:
		return fmt.Errorf("control: %s: something that is not a socket is there; it was left alone", path)
	}
	c, err := net.DialTimeout("unix", address, dialPatience)
	switch {
	case err == nil:
		defer c.Close()
		return running(path, peer(c.(*net.UnixConn)))
	case errors.Is(err, unix.EAGAIN): // its queue of connections is full: stopped, but alive
		return running(path, 0)
	case !errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("control: %s: a socket is there that cannot be asked who has it: %w", path, cause(err))
	}
	if err := unix.Unlinkat(int(s.dir.Fd()), s.name, 0); err != nil {
		return fmt.Errorf("control: %s: remove the socket of a dead engine: %w", path, err)
	}
	return nil
}

func running(path string, pid int) error {
	if pid > 0 {
		return fmt.Errorf("control: %s: an engine is already running there (pid %d)", path, pid)
	}
	return fmt.Errorf("control: %s: an engine is already running there", path)
}

// peer is the process that listens at the other end, 0 where the kernel does not say. Unlike GET /status it needs no
// answer from an engine that may be hung, stopped or still starting.
func peer(c *net.UnixConn) (pid int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(cred.Pid)
		}
	})
	return pid
}

func (s *socket) stat() (st unix.Stat_t, err error) {
	err = unix.Fstatat(int(s.dir.Fd()), s.name, &st, unix.AT_SYMLINK_NOFOLLOW)
	return st, err
}

// remove deletes the socket's file if it still is the socket's. The socket must be open: while it is, its inode number
// cannot be another file's.
func (s *socket) remove() error {
	if lock(s.dir) == nil {
		defer unlock(s.dir)
	}
	st, err := s.stat()
	if errors.Is(err, unix.ENOENT) || err == nil && (st.Dev != s.dev || st.Ino != s.ino) {
		return nil
	}
	if err == nil {
		err = unix.Unlinkat(int(s.dir.Fd()), s.name, 0)
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("control: remove %s: %w", s.Addr(), err)
	}
	return nil
}

// lock waits a bounded time: a directory may be locked by anyone who can read it, and for as long as they like.
func lock(dir *os.File) error {
	for start := time.Now(); ; time.Sleep(lockPoll) {
		err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
		case !errors.Is(err, unix.EWOULDBLOCK):
			return err
		case time.Since(start) > lockPatience:
			return fmt.Errorf("somebody holds it for more than %v", lockPatience)
		}
	}
}

func unlock(dir *os.File) { _ = unix.Flock(int(dir.Fd()), unix.LOCK_UN) }
