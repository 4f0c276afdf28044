package probe

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestReadCountsDescriptorsByKind(t *testing.T) {
	before, err := Read(os.Getpid())
	require.NoError(t, err)

	fd, err := unix.MemfdCreate("probe-test", unix.MFD_CLOEXEC)
	require.NoError(t, err)
	defer unix.Close(fd)
	file, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer file.Close()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])

	after, err := Read(os.Getpid())
	require.NoError(t, err)
	require.Equal(t, 1, after.Memfds-before.Memfds)
	require.Equal(t, 2, after.Sockets-before.Sockets)
	require.Equal(t, 4, after.FDs-before.FDs)
	require.Positive(t, after.Threads)
	require.Greater(t, after.RSS, int64(1<<20))
}

func TestReadOfNoProcess(t *testing.T) {
	_, err := Read(1 << 30)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// Figures of the library against the kernel's own text, for a process that
// sleeps and so changes neither.
func TestReadReportsTheKernelsFigures(t *testing.T) {
	pid := sleep(t, "sleep").Process.Pid
	u, err := Read(pid)
	require.NoError(t, err)
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(text), "VmRSS:")
	require.True(t, ok)
	var kib int64
	_, err = fmt.Sscan(rest, &kib)
	require.NoError(t, err)
	require.Equal(t, kib*1024, u.RSS)
	require.Equal(t, 1, u.Threads)
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	require.NoError(t, err)
	require.Len(t, fds, u.FDs)
}

// sleep starts a process of the given name that sleeps in a session of its own,
// and returns once it does.
func sleep(t *testing.T, name string) *exec.Cmd {
	t.Helper()
	program, err := exec.LookPath("sleep")
	require.NoError(t, err)
	text, err := os.ReadFile(program)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, text, 0o755))
	cmd := &exec.Cmd{Path: path, Args: []string{"sleep", "60"}, SysProcAttr: &syscall.SysProcAttr{Setsid: true}}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	require.Eventually(t, func() bool {
		p, err := Find(cmd.Process.Pid)
		return err == nil && p.Name == name && p.State == 'S'
	}, 5*time.Second, time.Millisecond)
	return cmd
}

// The name stands in brackets in /proc/<pid>/stat, and may hold brackets and
// blanks itself.
func TestFindReadsANameWithBracketsAndBlanks(t *testing.T) {
	pid := sleep(t, "a) b (c").Process.Pid
	p, err := Find(pid)
	require.NoError(t, err)
	require.Positive(t, p.Start)
	p.Start = 0
	require.Equal(t, Process{PID: pid, Parent: os.Getpid(), Session: pid, State: 'S', Name: "a) b (c"}, p)
}

func TestFindOfNoProcess(t *testing.T) {
	_, err := Find(1 << 30)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestDescriptorsNameTheirMemfdAndAccess(t *testing.T) {
	fd, err := unix.MemfdCreate("probe access", unix.MFD_CLOEXEC)
	require.NoError(t, err)
	defer unix.Close(fd)
	reader, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(reader)

	all, err := Descriptors(os.Getpid())
	require.NoError(t, err)
	writable := map[string]bool{}
	memfds := map[Memfd]bool{}
	for _, d := range all {
		if d.Name == "probe access" {
			writable[d.Path] = d.Writable()
			memfds[d.Memfd] = true
		}
	}
	require.Equal(t, map[string]bool{
		fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd):     true,
		fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), reader): false,
	}, writable)
	require.Len(t, memfds, 1)
}

func TestHoldersNameEachProcessOnce(t *testing.T) {
	fd, err := unix.MemfdCreate("probe holders", unix.MFD_CLOEXEC)
	require.NoError(t, err)
	again, err := unix.Dup(fd)
	require.NoError(t, err)
	of := map[Memfd]string{}
	require.NoError(t, Memfds(os.Getpid(), of))
	held, err := Holders(of)
	require.NoError(t, err)
	require.Equal(t, []string{fmt.Sprintf("memfd probe holders, held by process %d", os.Getpid())}, held)
	require.NoError(t, unix.Close(fd))
	require.NoError(t, unix.Close(again))
	held, err = Holders(of)
	require.NoError(t, err)
	require.Empty(t, held)
}

func TestSessionFindsDescendantsInOtherGroups(t *testing.T) {
	cmd := exec.Command("sh", "-c", "set -m; sleep 60 & echo $!; wait")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	buf := make([]byte, 32)
	_, err = out.Read(buf) // then the child runs
	require.NoError(t, err)

	found, err := Session(cmd.Process.Pid)
	require.NoError(t, err)
	require.Len(t, found, 2)
	for _, p := range found {
		require.NoError(t, syscall.Kill(p.PID, syscall.SIGKILL))
	}
	require.Error(t, cmd.Wait())
}

func TestZombieIsDeadAndInNoSession(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	require.NoError(t, cmd.Start())
	require.NoError(t, cmd.Process.Kill())
	var info unix.Siginfo
	require.NoError(t, unix.Waitid(unix.P_PID, cmd.Process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil))

	p, err := Find(cmd.Process.Pid)
	require.NoError(t, err)
	require.True(t, p.Dead())
	found, err := Session(cmd.Process.Pid)
	require.NoError(t, err)
	require.Empty(t, found)
	members, err := Members(cmd.Process.Pid)
	require.NoError(t, err)
	require.Equal(t, []Process{p}, members)
	cmd.Wait()
}

func TestOOMKills(t *testing.T) {
	for _, tc := range []struct {
		name, groups string
		files        map[string]string
		want         int64
	}{
		{"version 2", "0::/user.slice\n", map[string]string{
			"sys/fs/cgroup/user.slice/memory.events": "oom 2\noom_kill 3\n",
		}, 3},
		{"version 1", "4:memory:/x\n0::/\n", map[string]string{
			"sys/fs/cgroup/memory/x/memory.oom_control": "under_oom 0\noom_kill 5\n",
		}, 5},
		{"machine", "0::/\n", map[string]string{"proc/vmstat": "nr_free_pages 1\noom_kill 7\n"}, 7},
		{"no counter", "garbage", map[string]string{}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := t.TempDir()
			tc.files["proc/1/cgroup"] = tc.groups
			for name, text := range tc.files {
				require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755))
				require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o644))
			}
			require.NoError(t, os.Symlink("1", filepath.Join(root, "proc/self")))
			require.Equal(t, tc.want, oomKills(root))
		})
	}
	require.GreaterOrEqual(t, OOMKills(), int64(0))
}

func TestUnixSocketIsCountedAsSocket(t *testing.T) {
	before, err := Read(os.Getpid())
	require.NoError(t, err)
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), strings.Repeat("s", 8)))
	require.NoError(t, err)
	defer l.Close()
	after, err := Read(os.Getpid())
	require.NoError(t, err)
	require.Equal(t, 1, after.Sockets-before.Sockets)
}
