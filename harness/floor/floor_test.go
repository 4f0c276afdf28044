package floor

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The test binary serves as the floor process too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve-floor" {
		if err := Serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func start(t *testing.T) *Floor {
	t.Helper()
	f, err := Start([]string{"/proc/self/exe", "serve-floor"}, time.Millisecond)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func TestKillKillsHeldVictimsOnly(t *testing.T) {
	f := start(t)
	require.NoError(t, f.Hold(3))
	for range 3 {
		d, err := f.Kill()
		require.NoError(t, err)
		require.Positive(t, d)
	}
	_, err := f.Kill()
	require.EqualError(t, err, "floor: kill: no victim is held")
}

func TestExecStopsAChildBeforeItsFirstInstruction(t *testing.T) {
	f := start(t)
	for range 3 {
		d, err := f.Exec()
		require.NoError(t, err)
		require.Positive(t, d)
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", f.cmd.Process.Pid))
	require.NoError(t, err)
	require.Empty(t, strings.Fields(string(children)))
}

func TestTickersReportOnlyWhatIsNew(t *testing.T) {
	f := start(t)
	var r *Report
	for r == nil || r.Ticks < 5 {
		var err error
		r, err = f.Report()
		require.NoError(t, err)
		time.Sleep(10 * time.Millisecond)
	}
	require.LessOrEqual(t, r.P50NS, r.P99NS)
	require.LessOrEqual(t, r.P99NS, r.MaxNS)
	require.Less(t, r.Ticks, 10_000)
}

func TestCloseLeavesNoProcessBehind(t *testing.T) {
	f := start(t)
	require.NoError(t, f.Hold(2))
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", f.cmd.Process.Pid))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	for _, pid := range strings.Fields(string(children)) {
		var n int
		fmt.Sscan(pid, &n)
		require.ErrorIs(t, unix.Kill(n, 0), unix.ESRCH)
	}
}

func TestStartReportsWhatTheProcessPrinted(t *testing.T) {
	_, err := Start([]string{"sh", "-c", "echo no such thing >&2; exit 3"}, time.Millisecond)
	require.ErrorContains(t, err, "no such thing")
	_, err = Start([]string{"/nonexistent"}, time.Millisecond)
	require.ErrorContains(t, err, "floor: ")
}

func TestServeAnswersNonsenseWithAnError(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "serve-floor")
	cmd.Env = append(os.Environ(), periodEnv+"=1000000")
	cmd.Stdin = strings.NewReader("{\"do\":\"dance\"}\nnonsense\n")
	out, err := cmd.Output()
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	require.Len(t, lines, 2)
	require.Contains(t, lines[0], `unknown request \"dance\"`)
	require.Contains(t, lines[1], `"error"`)
}

func TestServeRefusesAnInvalidPeriod(t *testing.T) {
	for _, period := range []string{"", "x", "0", "-5"} {
		t.Setenv(periodEnv, period)
		require.ErrorContains(t, Serve(strings.NewReader(""), &bytes.Buffer{}), periodEnv)
	}
}

func TestStallOverlap(t *testing.T) {
	s := Stall{DueNS: 100, WokeNS: 200}
	for _, tc := range []struct {
		from, to int64
		want     bool
	}{{0, 99, false}, {0, 100, true}, {150, 160, true}, {200, 300, true}, {201, 300, false}, {0, 1000, true}} {
		require.Equal(t, tc.want, s.Overlaps(tc.from, tc.to), "%d to %d", tc.from, tc.to)
	}
}
