//go:build linux

package main

import (
	"context"
	"strings"
	"testing"

	"chronus/engine/control"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// limit gives a process a disk on which a file has room for that many bytes: to
// a process, a limit on the size of files looks the same.
func limit(t *testing.T, pid int, bytes uint64) {
	t.Helper()
	require.NoError(t, unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}, nil))
}

func TestFullDiskOfTheSoundFileIsReportedOnceAndTheFileIsMended(t *testing.T) {
	h := play(t, nil)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	events, err := h.client.Events(ctx, true)
	require.NoError(t, err)
	defer events.Close()
	kinds := map[string]int{}
	wait := func(kind string) control.Event {
		for e := range events.C {
			if kinds[e.Kind]++; e.Kind == kind {
				return e
			}
		}
		t.Fatalf("no event %s\n%s", kind, h.log)
		return control.Event{}
	}
	player := h.named("chronus-player")[0]
	limit(t, player, 1000)
	require.Contains(t, wait(control.SinkLost).Cause, "file too large")
	h.plays(600) // meanwhile the header, for which there is room, is updated a few times
	limit(t, player, unix.RLIM_INFINITY)
	wait(control.SinkRestored)
	require.Equal(t, 1, kinds[control.SinkLost], "reported once")
	require.Zero(t, kinds[control.PlayerDown])
	require.Equal(t, []int{player}, h.named("chronus-player"))
	h.plays(20)
	h.signal(unix.SIGTERM)
	require.Equal(t, exitPass, h.end(), h.log)
	require.Equal(t, 1, strings.Count(h.log.String(), "sink_lost"), h.log)
	h.faded()
	require.Contains(t, h.replayed(), "no frame differs")
}

func TestFullDiskOfTheTapeIsReportedOnceAndNotHeard(t *testing.T) {
	h := play(t, nil)
	h.recorded()
	limit(t, h.pid(), 1000)
	st := h.until("the tape ends", func(st *control.Status) bool { return st.TapeError != "" && st.TapeMissed > 20 })
	require.Contains(t, st.TapeError, "file too large")
	h.plays(200)
	h.signal(unix.SIGTERM)
	require.Equal(t, exitPass, h.end(), h.log)
	require.Equal(t, 1, strings.Count(h.log.String(), "the tape ends here"), h.log)
	h.faded()
	code, out, errOut := call("replay", h.tape())
	require.Equal(t, exitPass, code, errOut)
	require.Contains(t, out, "the tape has no end")
}
