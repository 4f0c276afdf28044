package control

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// statusBytes returns a figure of /proc/<pid>/status in bytes.
func statusBytes(t *testing.T, pid int, name string) uint64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(text), "\n"+name+":")
	require.True(t, ok)
	var kib uint64
	_, err = fmt.Sscan(rest, &kib)
	require.NoError(t, err)
	return kib * 1024
}

func TestResidentMemoryIsWhatTheKernelReports(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	pid := cmd.Process.Pid
	resident := func() uint64 { return (&measured{rss: map[int]uint64{}}).resident(pid) }
	// Once it sleeps, its memory no longer changes.
	require.Eventually(t, func() bool { return resident() == statusBytes(t, pid, "VmRSS") }, 5*time.Second, time.Millisecond)
	require.NotZero(t, resident())
	require.Zero(t, (&measured{rss: map[int]uint64{}}).resident(1<<30), "no such process")
}
