//go:build linux

package main

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"chronus/engine/control"
)

// pipe returns a pipe with room for some bytes, or all of its 4096 if room is
// negative.
func pipe(t *testing.T, room int) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = r.Close()
		_ = w.Close()
	})
	const size = 4096
	_, err = unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, size)
	require.NoError(t, err)
	if room >= 0 {
		_, err = w.Write(make([]byte, size-room))
		require.NoError(t, err)
	}
	return r, w
}

// TestEnginePlaysOnWithoutATerminal: the log cannot be written, SIGHUP arrives,
// and the engine still plays, replaces a worker and fades out when it is asked
// to.
func TestEnginePlaysOnWithoutATerminal(t *testing.T) {
	for name, c := range map[string]struct {
		room   int
		before bool // its reader closes it before the engine starts
		after  bool // its reader closes it while the engine plays
	}{
		"pipe closed from the start": {room: -1, before: true},
		"pipe closed while it plays": {room: 4096, after: true},
		"full pipe that is not read": {room: 0},
		"pipe that fills up":         {room: 1000},
	} {
		t.Run(name, func(t *testing.T) {
			r, w := pipe(t, c.room)
			if c.before {
				require.NoError(t, r.Close())
			}
			h := play(t, func(cmd *exec.Cmd) { cmd.Stdout, cmd.Stderr = w, w }, "--verbose")
			require.NoError(t, w.Close())
			if c.after {
				require.NoError(t, r.Close()) // from here on every write fails
			}
			h.signal(unix.SIGHUP)
			victim := h.until("all workers are ready", whole).Workers[0].PID
			require.NoError(t, unix.Kill(victim, unix.SIGKILL)) // which logs some lines
			st := h.until("the worker is replaced", func(st *control.Status) bool { return st.Restarts == 1 && whole(st) })
			for _, k := range st.Workers {
				require.NotEqual(t, victim, k.PID)
			}
			h.killSpare()
			h.plays(20)
			h.signal(unix.SIGTERM)
			require.Equal(t, exitPass, h.end())
			h.faded()
		})
	}
}
