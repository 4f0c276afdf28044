package control

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestSocketIsForItsOwnerOnlyWhateverTheUmask(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o277} {
		path := socketPath(t)
		old := unix.Umask(mask)
		s, err := Listen(path)
		unix.Umask(old)
		require.NoError(t, err)
		st, err := os.Lstat(path)
		require.NoError(t, err)
		require.Equal(t, os.ModeSocket|0o600, st.Mode())
		require.NoError(t, s.Close())
		left, err := os.ReadDir(filepath.Dir(path))
		require.NoError(t, err)
		require.Empty(t, left)
	}
}

func TestLiveEngineIsRefusedEvenIfItDoesNotAnswer(t *testing.T) {
	path := socketPath(t)
	first, err := Listen(path) // never served, so it does not answer
	require.NoError(t, err)
	_, err = Listen(path)
	want := fmt.Sprintf("control: %s: an engine is already running there (pid %d)", path, os.Getpid())
	require.EqualError(t, err, want)
	require.NoError(t, first.Close())
	second, err := Listen(path)
	require.NoError(t, err)
	require.NoError(t, second.Close())
}

func TestEngineWithAFullQueueOfConnectionsIsAlive(t *testing.T) {
	path := socketPath(t)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	require.NoError(t, unix.Bind(fd, &unix.SockaddrUnix{Name: path}))
	require.NoError(t, unix.Listen(fd, 0))
	for {
		c, err := net.Dial("unix", path)
		if err != nil {
			require.ErrorIs(t, err, unix.EAGAIN)
			break
		}
		defer c.Close()
	}
	_, err = Listen(path)
	require.EqualError(t, err, fmt.Sprintf("control: %s: an engine is already running there", path))
	require.FileExists(t, path)
}

func TestDeadEnginesSocketIsTakenOver(t *testing.T) {
	path := socketPath(t)
	dead(t, path)
	start(t, path, playing, new(Hub))
	st, err := NewClient(path).Status(patient(t))
	require.NoError(t, err)
	require.Equal(t, StatePlaying, st.State)
}

func TestOnlyOneTakesOverADeadEnginesSocket(t *testing.T) {
	path := socketPath(t)
	for range 50 {
		dead(t, path)
		var won, refused atomic.Int32
		var winner atomic.Pointer[Server]
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				s, err := Listen(path)
				switch {
				case err == nil:
					won.Add(1)
					winner.Store(s)
				case strings.Contains(err.Error(), "already running"):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 1, won.Load())
		require.EqualValues(t, 7, refused.Load())
		c, err := net.Dial("unix", path) // the file belongs to the winner
		require.NoError(t, err)
		require.NoError(t, c.Close())
		require.NoError(t, winner.Load().Close())
	}
}

func TestListenerOwnsTheSocketAtThePath(t *testing.T) {
	path := socketPath(t)
	var alive atomic.Int32
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				s, err := Listen(path)
				if err != nil {
					continue
				}
				if n := alive.Add(1); n != 1 {
					t.Errorf("%d alive at one path", n)
				}
				if _, err := os.Lstat(path); err != nil {
					t.Errorf("the socket of a live engine is gone: %v", err)
				}
				alive.Add(-1)
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	require.NoFileExists(t, path)
}

func TestAnythingButADeadSocketIsLeftAlone(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(path string) error
		want string
	}{
		{"file", func(p string) error {
			return os.WriteFile(p, []byte("precious"), 0o600)
		}, "is not a socket"},
		{"directory", func(p string) error { return os.Mkdir(p, 0o700) }, "is not a socket"},
		{"fifo", func(p string) error { return unix.Mkfifo(p, 0o600) }, "is not a socket"},
		{"dangling link", func(p string) error { return os.Symlink("nowhere", p) }, "is not a socket"},
		{"link to a dead socket", func(p string) error {
			dead(t, p+"2")
			return os.Symlink(p+"2", p)
		}, "is not a socket"},
		{"live datagram socket", func(p string) error {
			c, err := net.ListenPacket("unixgram", p)
			if err == nil {
				t.Cleanup(func() { c.Close() })
			}
			return err
		}, "cannot find out whether the socket there is in use: protocol wrong type for socket"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := socketPath(t)
			require.NoError(t, c.make(path))
			before, err := os.Lstat(path)
			require.NoError(t, err)
			_, err = Listen(path)
			require.ErrorContains(t, err, "control: "+path+": ")
			require.ErrorContains(t, err, c.want)
			after, err := os.Lstat(path)
			require.NoError(t, err)
			require.True(t, os.SameFile(before, after))
		})
	}
}

func TestCloseLeavesAnothersSocketAlone(t *testing.T) {
	path := socketPath(t)
	first, err := Listen(path)
	require.NoError(t, err)
	require.NoError(t, os.Remove(path)) // another process removed it
	start(t, path, playing, new(Hub))
	require.NoError(t, first.Close())
	require.NoError(t, first.Close())
	_, err = NewClient(path).Status(patient(t))
	require.NoError(t, err)
}

func TestCloseFindsItsSocketFromAnotherDirectory(t *testing.T) {
	path := socketPath(t)
	t.Chdir(filepath.Dir(path))
	s, err := Listen("@s") // which is not an abstract name
	require.NoError(t, err)
	require.FileExists(t, "@s")
	t.Chdir("/")
	require.NoError(t, s.Close())
	require.NoFileExists(t, filepath.Join(filepath.Dir(path), "@s"))
}

func TestUnusablePathsAreRefused(t *testing.T) {
	dir := filepath.Dir(socketPath(t))
	long := filepath.Join(dir, strings.Repeat("x", 107-len(dir)))
	fits := long[:107]
	for _, c := range []struct{ name, path, want string }{
		{"too long", long, "control: " + long + ": the path has 108 bytes, a socket's may have 107"},
		{"empty", "", "control: the path of the socket is empty"},
		{"zero byte", "a\x00b", `control: "a\x00b": the path contains a zero byte`},
		{"no directory", dir + "/no/s", "control: " + dir + "/no/s: directory " + dir + "/no does not exist"},
		{"directory is a file", "/dev/null/s", "control: /dev/null/s: directory /dev/null: not a directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Listen(c.path)
			require.EqualError(t, err, c.want)
		})
	}
	require.NoDirExists(t, dir+"/no")
	s, err := Listen(fits)
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

func TestDefaultPath(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/7")
	require.Equal(t, "/run/user/7/chronus/control.sock", DefaultPath())
	fallback := fmt.Sprintf("/tmp/chronus-%d/control.sock", os.Getuid())
	for _, dir := range []string{"", "relative/dir"} {
		t.Setenv("XDG_RUNTIME_DIR", dir)
		require.Equal(t, fallback, DefaultPath())
	}
}

func TestDefaultDirectoryIsMadeForItsOwnerOnly(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", filepath.Dir(socketPath(t)))
	dir := filepath.Dir(DefaultPath())
	for range 2 {
		s, err := Listen(DefaultPath())
		require.NoError(t, err)
		st, err := os.Stat(dir)
		require.NoError(t, err)
		require.Equal(t, os.ModeDir|0o700, st.Mode())
		require.NoError(t, s.Close())
	}
}

func TestDefaultDirectoryOfAnotherUserIsRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(dir string) error
		want string
	}{
		{"open to others", func(d string) error {
			return errors.Join(os.Mkdir(d, 0o700), os.Chmod(d, 0o777))
		}, "is writable by others (mode 0777)"},
		{"link", func(d string) error { return os.Symlink("/tmp", d) }, "not a directory"},
		{"file", func(d string) error { return os.WriteFile(d, nil, 0o600) }, "not a directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("XDG_RUNTIME_DIR", filepath.Dir(socketPath(t)))
			require.NoError(t, c.make(filepath.Dir(DefaultPath())))
			_, err := Listen(DefaultPath())
			require.ErrorContains(t, err, "control: "+DefaultPath()+": directory ")
			require.ErrorContains(t, err, c.want)
		})
	}
	t.Setenv("XDG_RUNTIME_DIR", socketPath(t)+"/none")
	_, err := Listen(DefaultPath())
	require.ErrorContains(t, err, "make its directory: no such file or directory")
}
