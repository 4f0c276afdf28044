package target

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"chronus/engine/clock"
	"chronus/engine/control"
	"chronus/harness/fault"
	"chronus/harness/probe"
)

// The test binary serves as the engine too. Its patch names what it does.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "run" {
		os.Exit(engine(os.Args[2:]))
	}
	os.Exit(m.Run())
}

func engine(args []string) int {
	flags := map[string]string{}
	for i := 0; i+1 < len(args); i += 2 {
		flags[args[i]] = args[i+1]
	}
	does := flags["--patch"]
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	if does == "refuse" {
		fmt.Fprintln(os.Stderr, "first line\nport in use")
		return 2
	}
	if does == "hold memfd" {
		if _, err := unix.MemfdCreate("ring 0", unix.MFD_CLOEXEC); err != nil {
			return 1
		}
	}
	if does == "leave child" {
		cmd := exec.Command("sleep", "300")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if cmd.Start() != nil {
			return 1
		}
	}
	server, err := control.Listen(flags["--control"])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	var hub control.Hub
	server.Handle("GET /failpoints", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"points":[{"id":4,"name":"publish.half","target":"worker"}]}`)
	}))
	server.Handle("POST /failpoint", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("id") != "4" {
			http.Error(w, "failpoint: no such id", http.StatusBadRequest)
			return
		}
		hub.Publish(control.Event{Kind: "armed", Cause: r.URL.RawQuery})
	}))
	go server.Serve(func() control.Status {
		return control.Status{PID: os.Getpid(), Patch: strings.Join(os.Environ(), "\n")}
	}, &hub)
	hub.Publish(control.Event{Kind: control.EngineStarted})
	if does == "die" {
		time.Sleep(20 * time.Millisecond)
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	<-signals
	if does != "leave socket" {
		server.Close()
	}
	if does == "fail at the end" {
		fmt.Fprintln(os.Stderr, "could not finish the tape")
		return 1
	}
	return 0
}

func start(t *testing.T, does string) (*Target, error) {
	t.Helper()
	dir, err := os.MkdirTemp("", "target-test")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return Start(context.Background(), Config{
		Binary: "/proc/self/exe", Dir: dir, Patch: does, Sink: "clock", Replicas: 2, Spares: 1, Lead: 3,
	})
}

func started(t *testing.T, does string) *Target {
	t.Helper()
	e, err := start(t, does)
	require.NoError(t, err)
	t.Cleanup(e.Kill)
	return e
}

func TestAnEngineThatEndsInOrder(t *testing.T) {
	e := started(t, "play")
	s, err := e.Status(context.Background())
	require.NoError(t, err)
	require.Equal(t, e.PID(), s.PID)
	stream, err := e.Events(context.Background())
	require.NoError(t, err)
	defer stream.Close()
	require.Equal(t, control.EngineStarted, (<-stream.C).Kind, "the stream begins with the first event")
	processes, err := e.Processes()
	require.NoError(t, err)
	require.Len(t, processes, 1)
	left, err := e.Stop()
	require.NoError(t, err)
	require.Empty(t, left)
	require.True(t, e.Exited())
}

func TestTheUsersSettingsDoNotReachTheEngine(t *testing.T) {
	t.Setenv("CHRONUS_LEAD", "17")
	t.Setenv("OTHER", "stays")
	e := started(t, "play")
	s, err := e.Status(context.Background())
	require.NoError(t, err)
	require.NotContains(t, s.Patch, "CHRONUS_")
	require.Contains(t, s.Patch, "OTHER=stays")
}

func TestLeftoversAreReportedAndRemoved(t *testing.T) {
	e := started(t, "leave socket")
	left, err := e.Stop()
	require.NoError(t, err)
	require.Equal(t, Leftovers{"socket control.sock"}, left)
	require.NoFileExists(t, filepath.Join(e.cfg.Dir, "control.sock"))

	e = started(t, "leave child")
	left, err = e.Stop()
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Contains(t, left[0], "sleep")
	require.Eventually(t, func() bool { p, _ := e.Processes(); return len(p) == 0 }, 5*time.Second, time.Millisecond)
}

func TestAMemfdThatOutlivesTheEngineIsReported(t *testing.T) {
	e := started(t, "hold memfd")
	left, err := e.Stop()
	require.NoError(t, err)
	require.Empty(t, left, "the memfd died with the engine")

	e = started(t, "hold memfd")
	memfds, err := probe.Descriptors(e.PID())
	require.NoError(t, err)
	require.NotEmpty(t, memfds)
	for _, d := range memfds {
		held, err := os.Open(d.Path)
		require.NoError(t, err)
		defer held.Close()
	}
	left, err = e.Stop()
	require.NoError(t, err)
	require.Equal(t, Leftovers{fmt.Sprintf("memfd ring 0, held by process %d", os.Getpid())}, left)
}

func TestTimesOfStartAndStopAreTakenFromOutside(t *testing.T) {
	before := clock.Now()
	e := started(t, "play")
	require.Zero(t, e.StopNS())
	_, err := e.Stop()
	require.NoError(t, err)
	require.Positive(t, e.StopNS())
	require.Greater(t, e.ExecNS(), before)
	require.Less(t, e.ExecNS(), clock.Now()-e.StopNS())
}

func TestStopReportsAnEngineThatDoesNotEndInOrder(t *testing.T) {
	e := started(t, "fail at the end")
	_, err := e.Stop()
	require.EqualError(t, err, "target: the engine ended with exit status 1: could not finish the tape")

	e = started(t, "die")
	require.Eventually(t, e.Exited, 5*time.Second, time.Millisecond)
	_, err = e.Stop()
	require.EqualError(t, err, "target: the engine had ended before it was asked to, with signal: killed: it printed nothing")
}

func TestAnEngineThatDoesNotStart(t *testing.T) {
	_, err := start(t, "refuse")
	require.EqualError(t, err, "target: the engine ended with exit status 2 instead of starting: port in use")
	_, err = Start(context.Background(), Config{Binary: "/nonexistent", Dir: t.TempDir()})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestKillEndsEverythingTheEngineStarted(t *testing.T) {
	e := started(t, "leave child")
	e.Kill()
	require.Eventually(t, func() bool { p, _ := e.Processes(); return len(p) == 0 }, 5*time.Second, time.Millisecond)
	require.ErrorIs(t, unix.Kill(e.PID(), 0), unix.ESRCH)
	e.Kill() // a second call is harmless
}

func TestFailpoints(t *testing.T) {
	e := started(t, "play")
	ctx := context.Background()
	points, err := e.Points(ctx)
	require.NoError(t, err)
	require.Equal(t, []fault.Point{{ID: 4, Name: "publish.half", Target: "worker"}}, points)

	stream, err := e.Events(ctx)
	require.NoError(t, err)
	defer stream.Close()
	<-stream.C
	require.NoError(t, e.Arm(ctx, 4, 2))
	require.Equal(t, "id=4&slot=2", (<-stream.C).Cause)
	require.NoError(t, e.Arm(ctx, 4, fault.PlayerSlot))
	require.Equal(t, "id=4", (<-stream.C).Cause)
	require.ErrorContains(t, e.Arm(ctx, 5, 2), "failpoint: no such id")
}
