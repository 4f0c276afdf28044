//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"chronus/engine/control"
	"chronus/engine/rig"
)

func shown() *control.Status {
	return &control.Status{
		State: control.StatePlaying, Patch: "sine", Sink: "clock", Rate: 44100, Frames: 256, Channels: 1, Lead: 3, LatencyNS: 17414965,
		Block: 123456, PID: 24600, UptimeNS: 717e9, OSC: "127.0.0.1:5005", Failovers: 12, Restarts: 25, LostFrames: 0, Xruns: 1, XrunNS: 21.4e6,
		Commands: 1002, DroppedCommands: 2, Packets: 1004, BadPackets: 1, KernelDrops: 3, DriftPPM: 37.46,
		Player: control.Player{PID: 24688, Sched: "fifo", Generation: 1, AgeNS: 716.7e9, RSS: 9155051},
		Workers: []control.Worker{
			{Role: control.RolePrimary, Slot: 1, PID: 24661, Generation: 12, State: control.WorkerRendering, Block: 123459, CPU: 0, AgeNS: 65.4e9, RSS: 9e6},
			{Role: control.RoleStandby, Slot: 12, PID: 4663, Generation: 3, State: control.WorkerRestoring, Block: 123459, CPU: 1, AgeNS: 4.26e9, RSS: 9e6},
			{Role: control.RoleSpare, Slot: 0, PID: 24659, Generation: 1, State: control.WorkerIdle, CPU: -1, AgeNS: 90e12},
		},
		Levels:       &control.Levels{PeakDBFS: -6.02, RMSDBFS: -9.03},
		Callback:     &control.Callback{Blocks: 172, P50NS: 12345, P99NS: 40e3, MaxNS: 1.25e6, LateP99NS: 61e3, LateMaxNS: 99e3},
		LastFailover: &control.Failover{TNS: 7, Block: 120000, FromSlot: 2, Slot: 1, SwitchNS: 15e3, PromoteNS: 210e3, MendNS: 14.9e6},
	}
}

func TestStatusScreen(t *testing.T) {
	var b bytes.Buffer
	writeStatus(&b, shown())
	require.Equal(t, `playing  sine to clock  44100 Hz, 256 frames per block, mono  block 123456  11m56.66s

role     slot    pid     age  generation  state       block  cpu   memory
host           24600  11m57s
player         24688  11m56s           1  fifo       123456       8.7 MiB
primary     1  24661   1m05s          12  rendering  123459    0  8.6 MiB
standby    12   4663    4.2s           3  restoring  123459    1  8.6 MiB
spare       0  24659   1d01h           1  idle            0  any

peak      -6.0 dBFS    |###########################   |
rms       -9.0 dBFS    |#########################     |
lead      3 blocks, 17.4 ms
callback  p50 12.3 us, p99 40.0 us, max 1.2 ms; late p99 61.0 us, max 99.0 us
faults    lost frames 0  failovers 12 (0 only late)  restarts 25  divergences 0
the last  block 120000, slot 2 to 1, in 15.0 us; spare up in 210.0 us; mended in 14.9 ms
input     commands 1002 (0 late, 2 dropped)  packets 1004 (1 bad, 3 lost)  OSC at 127.0.0.1:5005
output    xruns 1 (21.4 ms, 0 heard)  limited frames 0  drift 37.5 ppm  allocations 0
`, b.String())
}

func TestStatusOfAPlayingEngineIsPlausible(t *testing.T) {
	h := play(t, nil)
	code, out, errOut := call("status", "--json", "--control", h.socket())
	require.Equal(t, exitPass, code, errOut)
	var st control.Status
	require.NoError(t, json.Unmarshal([]byte(out), &st))
	require.Equal(t, "wav:"+h.wav(), st.Sink)
	require.NotNil(t, st.Levels)
	require.InDelta(t, -6.02, st.Levels.PeakDBFS, 0.02, "the sine has an amplitude of 0.5")
	require.InDelta(t, -9.03, st.Levels.RMSDBFS, 0.2)
	require.NotNil(t, st.Callback)
	require.Positive(t, st.Callback.P50NS)
	require.Positive(t, st.Player.AgeNS)
	require.Positive(t, st.Player.RSS)
	require.NotEmpty(t, st.Workers)
	for _, w := range st.Workers {
		require.Positive(t, w.AgeNS)
		require.Positive(t, w.RSS)
	}
	require.EqualValues(t, 24*256*int64(time.Second)/44100, st.LatencyNS)
	h.signal(unix.SIGTERM)
	require.Equal(t, exitPass, h.end(), h.log)
}

func TestStatusScreenOfAnEngineThatIsStarting(t *testing.T) {
	var b bytes.Buffer
	writeStatus(&b, &control.Status{State: control.StateStarting})
	require.Contains(t, b.String(), "nothing is playing")
	require.NotContains(t, b.String(), "the last")
	require.NotContains(t, b.String(), "NaN")
}

func TestBarsEndAtSilenceAndAtFullScale(t *testing.T) {
	full, half, none := strings.Repeat("#", barCells), strings.Repeat("#", barCells/2), strings.Repeat(" ", barCells)
	for db, want := range map[float64]string{
		0: "|" + full + "|", 3.5: "|" + full + "!", barFloor / 2: "|" + half + none[barCells/2:] + "|", -200: "|" + none + "|", barFloor: "|" + none + "|",
	} {
		require.Equal(t, want, bar(db), db)
	}
}

func TestColourIsForTerminals(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	var b bytes.Buffer
	writeStatus(&b, shown())
	require.NotContains(t, b.String(), "\x1b")
	painted := string(paint(b.Bytes()))
	require.Contains(t, painted, "\x1b[32mplaying\x1b[0m")
	require.NotContains(t, painted, "\x1b[31m", "nothing is wrong")
	lost := shown()
	lost.LostFrames = 256
	b.Reset()
	writeStatus(&b, lost)
	require.Contains(t, string(paint(b.Bytes())), "\x1b[31mfaults    lost frames 256 ")
	t.Setenv("NO_COLOR", "1")
	require.Equal(t, b.String(), string(paint(b.Bytes())))
}

func TestScreenIsClippedToTheTerminal(t *testing.T) {
	require.Equal(t, "ab\ncé\n", string(clip([]byte("abc\ncéd\nef\n"), 2, 2)))
	require.Equal(t, "abc\n", string(clip([]byte("abc\n"), 80, 24)))
}

// serve answers for an engine at a control socket until stop is called.
func serve(t *testing.T, path string) (stop func()) {
	t.Helper()
	s, err := control.Listen(path)
	require.NoError(t, err)
	var done sync.WaitGroup
	done.Go(func() { _ = s.Serve(func() control.Status { return *shown() }, new(control.Hub)) })
	return func() {
		require.NoError(t, s.Close())
		done.Wait()
	}
}

// watching starts a watch and returns what it has written so far, and a
// function that ends it.
func watching(t *testing.T, path string, json bool) (out *rig.Log, end func()) {
	out = new(rig.Log)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	watch := statusCmd{JSON: json, Watch: true, Interval: time.Millisecond}
	go func() { ended <- watch.watch(ctx, control.NewClient(path), out) }()
	return out, func() {
		cancel()
		require.NoError(t, <-ended, "Ctrl-C is how it ends")
	}
}

func TestWatchContinuesAcrossRestartsOfTheEngine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.sock")
	out, end := watching(t, path, false)
	sees := func(what string, more int) {
		before := strings.Count(out.String(), what)
		require.Eventually(t, func() bool {
			return strings.Count(out.String(), what) >= before+more
		}, patience, time.Millisecond, what)
	}
	sees("no engine at "+path+", waiting\n", 2)
	for range 2 {
		stop := serve(t, path)
		sees("playing  sine to clock", 2)
		stop()
		sees("no engine at "+path+", waiting\n", 2)
	}
	end()
	require.NotContains(t, out.String(), "\x1b", "it is not a terminal")
}

func TestWatchAsJSONIsOneObjectPerLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.sock")
	stop := serve(t, path)
	out, end := watching(t, path, true)
	require.Eventually(t, func() bool {
		return strings.Count(out.String(), "\n") > 3
	}, patience, time.Millisecond)
	stop()
	require.Eventually(t, func() bool {
		return strings.Contains(out.String(), "waiting")
	}, patience, time.Millisecond)
	end()
	for _, l := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		require.True(t, json.Valid([]byte(l)), l)
	}
}

func TestWatchEndsWhenItsReaderIsGone(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	defer w.Close()
	watch := statusCmd{Watch: true, Interval: time.Millisecond}
	require.Error(t, watch.watch(t.Context(), control.NewClient(filepath.Join(t.TempDir(), "none")), w))
}
