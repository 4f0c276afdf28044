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

// socket is a listening Unix socket that can remove its own file, and never
// another's.
//
// The way to find out whether a file is a dead engine's socket is to connect to
// it. Between that and bind, another engine could do the same, and one would
// delete the other's live socket. So checking and binding, and removal too,
// happen under flock(2) of the directory that holds the socket: no lock file
// stays behind, and the lock of a holder that is killed goes with it.
type socket struct {
	*net.UnixListener
	dir  *os.File // kept open, so that removal does not depend on the working directory
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

// openDir opens the directory that the socket belongs in. It makes only the
// default one, and refuses that if it belongs to another user: in /tmp anyone
// could have made it first.
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
		return nil, fmt.Errorf("control: %s: directory %s does not exist", path, parent)
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
		err = fmt.Errorf("control: %s: directory %s is writable by others (mode %#o)",
			path, parent, st.Mode&0o777)
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
	// The file takes its mode from the socket's inode, so there is no instant
	// at which another user could connect.
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
	s.SetUnlinkOnClose(false) // it would not check whose file it is
	st, err := s.stat()
	if err == nil {
		s.dev, s.ino = st.Dev, st.Ino
		if st.Mode&0o777 != 0o600 { // an unusual umask
			err = unix.Fchmodat(int(dir.Fd()), s.name, 0o600, 0)
		}
	}
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("control: %s: %w", path, err)
	}
	return s, nil
}

// clear frees the name if it belongs to a socket on which no process listens.
func (s *socket) clear(path, address string) error {
	st, err := s.stat()
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil
	case err != nil:
		return fmt.Errorf("control: %s: %w", path, err)
	case st.Mode&unix.S_IFMT != unix.S_IFSOCK:
		return fmt.Errorf("control: %s: the file there is not a socket; it was left alone", path)
	}
	c, err := net.DialTimeout("unix", address, dialPatience)
	switch {
	case err == nil:
		defer c.Close()
		return running(path, peer(c.(*net.UnixConn)))
	case errors.Is(err, unix.EAGAIN): // its queue of connections is full: not answering, but alive
		return running(path, 0)
	case !errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("control: %s: cannot find out whether the socket there is in use: %w",
			path, cause(err))
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

// peer returns the pid of the process that listens at the other end, 0 if the
// kernel does not tell. Unlike GET /status it needs no answer from an engine
// that may be hung, stopped or still starting.
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

// remove deletes the file at the socket's path if that is still the socket's
// own. The socket must be open: while it is, no other file can have its inode
// number.
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

// lock waits for a bounded time: any process that can read a directory can lock
// it, for as long as it likes.
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
			return fmt.Errorf("another process has held it for %v", lockPatience)
		}
	}
}

func unlock(dir *os.File) { _ = unix.Flock(int(dir.Fd()), unix.LOCK_UN) }
