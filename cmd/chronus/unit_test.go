//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// line returns the value of a key in a unit, or an empty string.
func line(unit, key string) string {
	for _, l := range strings.Split(unit, "\n") {
		if value, ok := strings.CutPrefix(l, key+"="); ok {
			return value
		}
	}
	return ""
}

func TestUnitRunsThisProgramWithTheFlagsGiven(t *testing.T) {
	t.Setenv("CHRONUS_REPLICAS", "3")
	t.Setenv("CHRONUS_RATE", "44100") // without it, the device's
	t.Setenv("CHRONUS_FRAMES", "256") // the default
	dir := t.TempDir()
	t.Chdir(dir)
	code, out, errOut := call("run", "--systemd-unit", "--patch", "50% $HOME \"x\".toml", "--spares=0", "--verbose", "--duration", "90s")
	require.Equal(t, exitPass, code, errOut)
	require.Empty(t, errOut)
	self, err := os.Executable()
	require.NoError(t, err)
	require.Equal(t, self+` run "--patch=50%% $$HOME \"x\".toml" --rate=44100 --replicas=3 --spares=0 --duration=1m30s --verbose --control=`+unitControl, line(out, "ExecStart"))
	require.Equal(t, dir, line(out, "WorkingDirectory"))
	for key, want := range map[string]string{
		"LimitRTPRIO": "20", "LimitMEMLOCK": "infinity", "Restart": "on-failure", "KillSignal": "SIGTERM", "KillMode": "mixed", "RuntimeDirectory": "chronus",
	} {
		require.Equal(t, want, line(out, key), key)
	}
	require.NotEmpty(t, line(out, "TimeoutStopSec"))
}

func TestUnitKeepsAControlSocketThatWasGiven(t *testing.T) {
	text := unitText("/opt/chronus", "/", "joe", []string{"--control=/x/y.sock"})
	require.Equal(t, "/opt/chronus run --control=/x/y.sock", line(text, "ExecStart"))
	require.Equal(t, "joe", line(text, "User"))
	require.NotContains(t, unitText("/opt/chronus", "/", "", nil), "User=")
	require.Equal(t, `"/opt/my $ 5%%/chronus" run --control=/run/chronus/control.sock`, line(unitText("/opt/my $ 5%/chronus", "/", "", nil), "ExecStart"))
}

// TestSystemdAcceptsTheUnit asks systemd itself, if it is installed.
func TestSystemdAcceptsTheUnit(t *testing.T) {
	analyse, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze here")
	}
	code, out, _ := call("run", "--systemd-unit", "--patch", "50% $HOME \"x\".toml")
	require.Equal(t, exitPass, code)
	path := filepath.Join(t.TempDir(), "chronus.service")
	require.NoError(t, os.WriteFile(path, []byte(out), 0o644))
	said, err := exec.Command(analyse, "verify", path).CombinedOutput()
	require.NoError(t, err, string(said))
	require.NotContains(t, string(said), "chronus.service:", string(said))
}
