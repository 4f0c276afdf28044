package probe

import (
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

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

func TestParseStat(t *testing.T) {
	const tail = " S 71 9 9 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4242 100 200"
	p, err := parseStat([]byte("72 (a) b (c)" + tail))
	require.NoError(t, err)
	require.Equal(t, Process{PID: 72, Parent: 71, Session: 9, State: 'S', Start: 4242, Name: "a) b (c"}, p)
	for _, bad := range []string{"", "72", "72 (x", "72 (x) S 1 2", "x (x)" + tail, "72 )x(" + tail} {
		_, err := parseStat([]byte(bad))
		require.Error(t, err, "%q", bad)
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("72 (worker) S 71 9 9 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4242 100 200"))
	f.Add([]byte("1 ()"))
	f.Fuzz(func(t *testing.T, text []byte) { parseStat(text) })
}

func TestSessionFindsDescendantsInOtherGroups(t *testing.T) {
	cmd := exec.Command("sh", "-c", "set -m; sleep 60 & echo $!; wait")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	buf := make([]byte, 32)
	_, err = out.Read(buf) // the child runs
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
		{"version 2", "0::/user.slice\n", map[string]string{"sys/fs/cgroup/user.slice/memory.events": "oom 2\noom_kill 3\n"}, 3},
		{"version 1", "4:memory:/x\n0::/\n", map[string]string{"sys/fs/cgroup/memory/x/memory.oom_control": "under_oom 0\noom_kill 5\n"}, 5},
		{"machine", "0::/\n", map[string]string{"proc/vmstat": "nr_free_pages 1\noom_kill 7\n"}, 7},
		{"nothing tells", "garbage", nil, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := t.TempDir()
			for name, text := range tc.files {
				require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755))
				require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o644))
			}
			require.Equal(t, tc.want, oomKills(root, tc.groups))
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
