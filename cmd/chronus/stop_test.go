//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"chronus/engine/control"
	"chronus/engine/rig"
)

func TestSignalFadesOutAndLeavesNothing(t *testing.T) {
	for name, sig := range map[string]unix.Signal{"interrupt": unix.SIGINT, "terminate": unix.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			h := play(t, nil)
			h.signal(sig)
			require.Equal(t, exitPass, h.end(), h.log)
			h.faded()
			require.Contains(t, h.replayed(), "no frame differs")
			require.Equal(t, 1, strings.Count(h.log.String(), "msg=stopped"), h.log)
		})
	}
}

// Container runtimes and service managers may signal all processes at once.
func TestSignalToAllProcessesFadesOut(t *testing.T) {
	h := play(t, nil)
	for _, p := range h.processes() {
		_ = unix.Kill(p.PID, unix.SIGTERM)
	}
	require.Equal(t, exitPass, h.end(), h.log)
	require.Zero(t, rig.Sound(t, h.wav())[len(rig.Sound(t, h.wav()))-1])
}

func TestStopWhileStartingIsClean(t *testing.T) {
	for name, come := range map[string]func(*host) bool{
		"control socket": func(h *host) bool { _, err := os.Stat(h.socket()); return err == nil },
		"first worker":   func(h *host) bool { return len(h.named("chronus-worker")) > 0 },
		"player":         func(h *host) bool { return len(h.named("chronus-player")) > 0 },
	} {
		t.Run(name, func(t *testing.T) {
			h := launch(t, nil)
			h.eventually(name, func() bool { return come(h) })
			h.signal(unix.SIGTERM)
			require.Equal(t, exitPass, h.end(), h.log)
			if _, err := os.Stat(h.wav()); err != nil {
				return // the player had not been started
			}
			if all := rig.Sound(t, h.wav()); len(all) > 0 {
				require.Zero(t, all[len(all)-1])
			}
		})
	}
}

func TestSecondSignalStopsAtOnce(t *testing.T) {
	h := play(t, nil)
	h.signal(unix.SIGSTOP) // so that both are pending when it continues
	h.signal(unix.SIGINT)
	h.signal(unix.SIGTERM)
	h.signal(unix.SIGCONT)
	require.Equal(t, exitFail, h.end(), h.log)
	require.Contains(t, h.log.String(), "second signal")
}

func TestPlayerThatDoesNotFadeIsKilled(t *testing.T) {
	h := play(t, nil)
	require.NoError(t, unix.Kill(h.named("chronus-player")[0], unix.SIGSTOP))
	h.signal(unix.SIGTERM)
	require.Equal(t, exitPass, h.end(), h.log)
	require.Contains(t, h.log.String(), "did not fade out in time")
	require.NotEmpty(t, rig.Sound(t, h.wav()))
}

func TestHostThatIsKilledLeavesAFadeAndNothingElse(t *testing.T) {
	h := play(t, nil)
	h.recorded()
	h.signal(unix.SIGKILL)
	require.Equal(t, -1, h.end())
	h.faded()
	code, out, errOut := call("replay", h.tape())
	require.Equal(t, exitPass, code, errOut)
	require.Contains(t, out, "the tape has no end")
	require.Contains(t, out, "no frame differs")
}

// A script's background jobs ignore SIGINT, and so does what runs after trap ""
// INT, with every program that it starts.
func TestInterruptThatWasIgnoredStaysIgnored(t *testing.T) {
	h := play(t, func(c *exec.Cmd) {
		c.Args = append([]string{"sh", "-c", `trap "" INT; exec "$@"`, "sh"}, append([]string{c.Path}, c.Args[1:]...)...)
		c.Path = "/bin/sh"
	})
	h.signal(unix.SIGINT)
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(h.pid()), "status"))
	require.NoError(t, err)
	require.Regexp(t, `(?m)^SigIgn:\t[0-9a-f]+[2367abef]$`, string(status), "the bit of SIGINT")
	h.plays(20)
	h.signal(unix.SIGTERM)
	require.Equal(t, exitPass, h.end(), h.log)
}

func TestSoundFileGoesOnWhereAKilledPlayerLeftIt(t *testing.T) {
	h := play(t, nil)
	for range 2 {
		player := h.named("chronus-player")
		require.NoError(t, unix.Kill(player[0], unix.SIGKILL))
		h.until("another player plays", func(st *control.Status) bool { return st.Player.PID != player[0] && st.Player.PID != 0 })
		h.plays(20)
	}
	h.signal(unix.SIGTERM)
	require.Equal(t, exitPass, h.end(), h.log)
	h.faded()
	require.Contains(t, h.replayed(), "no frame differs")
}
