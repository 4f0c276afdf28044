//go:build linux

package engine_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chronus/engine"
	"chronus/engine/control"
	"chronus/engine/rig"
)

const patience = 60 * time.Second // for what must happen; nothing is timed

// config returns a configuration that no other engine collides with.
func config(t *testing.T) engine.Config {
	t.Helper()
	// Not t.TempDir, whose name is too long for a socket.
	dir, err := os.MkdirTemp("", "chronus")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return engine.Config{Sink: "clock", OSCPort: -1, Lead: 24, Control: filepath.Join(dir, "s"), Bin: bin}
}

func build(t *testing.T, c engine.Config) *engine.Engine {
	t.Helper()
	e, err := engine.New(c)
	require.NoError(t, err)
	t.Cleanup(e.Stop)
	return e
}

// children returns the child processes of this one, including zombies.
func children(t *testing.T) (pids []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	require.NoError(t, err)
	for _, e := range entries {
		stat, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue
		}
		rest := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(rest) > 1 && rest[1] == fmt.Sprint(os.Getpid()) {
			pids = append(pids, e.Name())
		}
	}
	return pids
}

func count(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	return len(entries)
}

func TestStartsAndStopsLeaveNothing(t *testing.T) {
	c := config(t)
	c.Lead = 3 // the first block is due a lead after the player has started
	c.Bin = t.TempDir()
	require.NoError(t, rig.Executables(c.Bin))
	cycle := func() {
		e, err := engine.New(c)
		require.NoError(t, err)
		require.NoError(t, e.Start())
		e.Stop()
		require.NoFileExists(t, c.Control)
	}
	for range 10 {
		cycle()
	}
	fds, threads := count(t, "/proc/self/fd"), count(t, "/proc/self/task")
	begin := time.Now()
	for range 40 {
		cycle()
	}
	t.Logf("a start and stop takes %v", time.Since(begin)/40)
	require.Empty(t, children(t))
	require.LessOrEqual(t, count(t, "/proc/self/fd"), fds)
	// A thread that ends with its goroutine takes a moment longer, and Go's
	// runtime keeps every thread that it ever needed, which may be a few more
	// on a busy machine. A thread leaked by every start would make forty.
	require.Eventually(t, func() bool {
		return count(t, "/proc/self/task") <= threads+10
	}, patience, time.Millisecond)
}

func TestStopWithoutStartRemovesEverything(t *testing.T) {
	c := config(t)
	dir := filepath.Dir(c.Control)
	c.Sink, c.Tape = "wav:"+filepath.Join(dir, "a.wav"), filepath.Join(dir, "a.tape")
	e := build(t, c)
	require.Equal(t, control.StateStarting, e.Status().State)
	require.Zero(t, e.Status().UptimeNS)
	e.Stop()
	require.Zero(t, count(t, dir))
	require.Equal(t, control.StateStopped, e.Status().State)
	require.ErrorIs(t, e.Start(), engine.ErrStopped)
	e.Stop()
	e.Abort()
}

func TestStopWithoutStartLeavesExistingFilesAlone(t *testing.T) {
	c := config(t)
	c.Tape = os.DevNull // which root could remove
	build(t, c).Stop()
	_, err := os.Stat(os.DevNull)
	require.NoError(t, err)
	c.Tape = filepath.Join(filepath.Dir(c.Control), "mine")
	require.NoError(t, os.WriteFile(c.Tape, nil, 0o600))
	build(t, c).Stop()
	require.FileExists(t, c.Tape)
}

func TestSoundAndTapeInOneFileAreRefused(t *testing.T) {
	c := config(t)
	c.Tape = filepath.Join(filepath.Dir(c.Control), "a")
	c.Sink = "wav:" + filepath.Dir(c.Control) + "/./a"
	_, err := engine.New(c)
	require.ErrorContains(t, err, "is the tape")
	require.Zero(t, count(t, filepath.Dir(c.Control)))
}

func TestNewThatFailsEmptiesNoFile(t *testing.T) {
	c := config(t)
	dir := filepath.Dir(c.Control)
	wav, tape := filepath.Join(dir, "a.wav"), filepath.Join(dir, "a.tape")
	for _, path := range []string{wav, tape} {
		require.NoError(t, os.WriteFile(path, []byte("mine"), 0o600))
	}
	c.Sink, c.Tape, c.OSCHost = "wav:"+wav, tape, "not an address"
	_, err := engine.New(c)
	require.Error(t, err)
	c.OSCHost, c.Tape = "", filepath.Join(dir, "no", "such.tape")
	_, err = engine.New(c)
	require.ErrorContains(t, err, "such.tape")
	for _, path := range []string{wav, tape} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, "mine", string(text))
	}
}

func TestSecondStartIsRefusedAndHarmless(t *testing.T) {
	e := build(t, config(t))
	require.NoError(t, e.Start())
	require.ErrorIs(t, e.Start(), engine.ErrStarted)
	require.Equal(t, control.StatePlaying, e.Status().State)
	addr := e.OSC()
	e.Stop()
	st := e.Status()
	require.Equal(t, control.StateStopped, st.State)
	require.NotZero(t, st.Block)
	require.Equal(t, addr, e.OSC())
	require.Equal(t, st, e.Status(), "the last status stays")
	require.ErrorIs(t, e.Start(), engine.ErrStopped)
	select {
	case err := <-e.Failed():
		t.Fatal("Stop was reported as a failure: ", err)
	default:
	}
}

func TestStopAndStatusMayBeCalledConcurrently(t *testing.T) {
	c := config(t)
	e := build(t, c)
	require.NoError(t, e.Start())
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			e.Stop()
			if _, err := os.Stat(c.Control); err == nil {
				t.Error("Stop returned before the engine was stopped")
			}
		})
		all.Go(func() {
			for e.Status().State != control.StateStopped {
				time.Sleep(time.Millisecond)
			}
		})
	}
	all.Wait()
	require.Empty(t, children(t))
}

func TestStopEndsAStart(t *testing.T) {
	for range 5 { // Stop comes at another moment each time
		e := build(t, config(t))
		started := make(chan error, 1)
		go func() { started <- e.Start() }()
		for e.Status().UptimeNS == 0 {
		}
		e.Stop()
		if err := <-started; err != nil { // Start may have been quicker
			require.ErrorIs(t, err, engine.ErrStopped)
		}
		require.Empty(t, children(t))
	}
}

func TestAbortEndsAStop(t *testing.T) {
	c := config(t)
	e := build(t, c)
	require.NoError(t, e.Start())
	e.Abort()
	require.NoFileExists(t, c.Control)
	e.Stop()
	require.Equal(t, control.StateStopped, e.Status().State)
	require.Empty(t, children(t))
}

func TestStartThatFailsIsOneLineAndStopped(t *testing.T) {
	for _, name := range []string{"chronus-worker", "chronus-player"} {
		t.Run(name, func(t *testing.T) {
			c := config(t)
			c.Bin = t.TempDir()
			for _, exe := range []string{"chronus-worker", "chronus-player"} {
				to := filepath.Join(c.Bin, exe)
				if exe == name {
					require.NoError(t, os.WriteFile(to, []byte("not a program"), 0o755))
				} else {
					require.NoError(t, os.Symlink(filepath.Join(bin, exe), to))
				}
			}
			e := build(t, c)
			err := e.Start()
			require.ErrorContains(t, err, name)
			require.NotContains(t, err.Error(), "\n")
			require.EqualError(t, <-e.Failed(), err.Error())
			require.Equal(t, control.StateStopped, e.Status().State)
			require.ErrorIs(t, e.Start(), engine.ErrStopped)
			require.NoFileExists(t, c.Control)
			require.Empty(t, children(t))
		})
	}
}
