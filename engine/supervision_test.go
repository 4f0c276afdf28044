//go:build linux

package engine_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chronus/engine"
	"chronus/engine/control"
)

// whole reports whether an engine with the default pool plays and misses no
// process.
func whole(st control.Status) bool {
	able := 0
	for _, w := range st.Workers {
		if w.State == control.WorkerRendering || w.State == control.WorkerIdle {
			able++
		}
	}
	return able == 4 && st.State == control.StatePlaying && st.Player.PID != 0
}

// plays waits until an engine that is whole plays on.
func plays(t *testing.T, e *engine.Engine) {
	t.Helper()
	from := e.Status().Block
	require.Eventually(t, func() bool { return whole(e.Status()) && e.Status().Block > from+10 }, patience, time.Millisecond)
}

// pids returns the processes of an engine, the player last.
func pids(st control.Status) (all []int) {
	for _, w := range st.Workers {
		if w.State != control.WorkerDead {
			all = append(all, w.PID)
		}
	}
	return append(all, st.Player.PID)
}

func kill(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			require.ErrorIs(t, err, syscall.ESRCH)
		}
	}
}

func TestAllProcessesDieAtOnceAndItPlaysAgain(t *testing.T) {
	e := build(t, config(t))
	require.NoError(t, e.Start())
	for range 5 {
		plays(t, e)
		kill(t, pids(e.Status())...)
	}
	plays(t, e)
}

func TestExecutablesMayBeReplacedOrRemoved(t *testing.T) {
	for name, replace := range map[string]func(path string) error{
		"removed":  func(string) error { return nil },
		"replaced": func(path string) error { return os.WriteFile(path, []byte("another version"), 0o755) },
	} {
		t.Run(name, func(t *testing.T) {
			c := config(t)
			c.Bin = t.TempDir()
			exes := []string{filepath.Join(c.Bin, "chronus-worker"), filepath.Join(c.Bin, "chronus-player")}
			for _, exe := range exes {
				require.NoError(t, os.Symlink(filepath.Join(bin, filepath.Base(exe)), exe))
			}
			e := build(t, c)
			for _, exe := range exes {
				require.NoError(t, os.Remove(exe))
				require.NoError(t, replace(exe))
			}
			require.NoError(t, e.Start())
			plays(t, e)
			kill(t, pids(e.Status())...)
			plays(t, e)
		})
	}
}

func TestChildrenHaveTheirNamesAndAnEnvironmentWithoutTheUsersSettings(t *testing.T) {
	for name, value := range map[string]string{
		"GODEBUG": "gctrace=1", "GOGC": "5", "GOMEMLIMIT": "1MiB", "GOMAXPROCS": "1",
		"CHRONUS_PULSE_SERVER": "theirs", "CHRONUS_VERBOSE": "1", "PULSE_SINK": "kept",
	} {
		t.Setenv(name, value)
	}
	c := config(t)
	c.PulseServer = "ours"
	e := build(t, c)
	require.NoError(t, e.Start())
	plays(t, e)
	all := pids(e.Status())
	for i, pid := range all {
		dir := filepath.Join("/proc", strconv.Itoa(pid))
		comm, err := os.ReadFile(filepath.Join(dir, "comm"))
		require.NoError(t, err)
		want := "chronus-worker\n"
		if i == len(all)-1 {
			want = "chronus-player\n"
		}
		require.Equal(t, want, string(comm))
		text, err := os.ReadFile(filepath.Join(dir, "environ"))
		require.NoError(t, err)
		values := map[string]string{}
		for entry := range strings.SplitSeq(strings.TrimSuffix(string(text), "\x00"), "\x00") {
			key, value, _ := strings.Cut(entry, "=")
			require.NotContains(t, values, key, "the first one would win")
			values[key] = value
		}
		require.Equal(t, "asyncpreemptoff=1", values["GODEBUG"])
		require.Equal(t, "off", values["GOGC"])
		require.Equal(t, "1GiB", values["GOMEMLIMIT"])
		require.Equal(t, "4", values["GOMAXPROCS"])
		require.Equal(t, "ours", values["CHRONUS_PULSE_SERVER"])
		require.Equal(t, "kept", values["PULSE_SINK"])
		require.NotContains(t, values, "CHRONUS_VERBOSE")
	}
}
