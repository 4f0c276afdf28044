package fault

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"chronus/engine/clock"
	"chronus/engine/control"
	"chronus/harness/probe"
)

// fakeEngine has sleeping processes for its host, its player and its workers.
type fakeEngine struct {
	t      *testing.T
	status control.Status
	procs  map[int]*exec.Cmd // by slot, including PlayerSlot and hostSlot
	deaf   bool              // no victim passes the point armed in it
	words  []Word

	sent, heard int // commands
}

const hostSlot = -2

func newFake(t *testing.T) *fakeEngine {
	e := &fakeEngine{t: t, procs: map[int]*exec.Cmd{}}
	port, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = port.Close() })
	e.status.OSC = port.LocalAddr().String()
	e.status.PID = e.spawn(hostSlot)
	e.status.Player.PID = e.spawn(PlayerSlot)
	for slot, role := range []string{control.RoleStandby, control.RolePrimary, control.RoleSpare, control.RoleSpare} {
		w := control.Worker{Role: role, Slot: slot, PID: e.spawn(slot), State: control.WorkerRendering, CPU: slot % 2}
		if role == control.RoleSpare {
			w.State = control.WorkerIdle
		}
		e.status.Workers = append(e.status.Workers, w)
	}
	return e
}

func (e *fakeEngine) spawn(slot int) int {
	cmd := exec.Command("sleep", "300")
	require.NoError(e.t, cmd.Start())
	e.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	e.procs[slot] = cmd
	return cmd.Process.Pid
}

func (e *fakeEngine) Status(context.Context) (*control.Status, error) { return &e.status, nil }

func (e *fakeEngine) Points(context.Context) ([]Point, error) { return nil, nil }
func (e *fakeEngine) Words(context.Context) ([]Word, error)   { return e.words, nil }

func (e *fakeEngine) Arm(_ context.Context, _, slot int) error {
	if !e.deaf {
		return e.procs[slot].Process.Kill()
	}
	return nil
}

func (e *fakeEngine) Send() error { e.sent++; return nil }

func (e *fakeEngine) Hear() { e.heard = e.sent }

// state returns the state of a slot's process: T if stopped, Z if killed.
func (e *fakeEngine) state(slot int) string {
	p, err := probe.Find(e.procs[slot].Process.Pid)
	require.NoError(e.t, err)
	return string(p.State)
}

// states returns the processes that are stopped or killed, by slot.
func (e *fakeEngine) states() map[int]string {
	all := map[int]string{}
	for slot := range e.procs {
		if s := e.state(slot); s == "T" || s == "Z" {
			all[slot] = s
		}
	}
	return all
}

func TestFaultsHitExactlyTheirVictims(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spec  Spec
		exact bool
		want  map[int]string
	}{
		{"kill primary", Spec{Kind: "kill", Target: "primary"}, true, map[int]string{1: "Z"}},
		{"kill standby", Spec{Kind: "kill", Target: "standby"}, true, map[int]string{0: "Z"}},
		{"kill both", Spec{Kind: "kill", Target: "both"}, true, map[int]string{0: "Z", 1: "Z"}},
		{"kill spare", Spec{Kind: "kill", Target: "spare"}, true, map[int]string{2: "Z"}},
		{"term primary", Spec{Kind: "term", Target: "primary"}, true, map[int]string{1: "Z"}},
		{"kill alone", Spec{Kind: "kill-alone", Target: "primary", Hold: 2}, false, map[int]string{1: "Z"}},
		{"crash primary", Spec{Kind: "crash", Target: "primary"}, false, map[int]string{1: "Z"}},
		{"crash player", Spec{Kind: "crash", Target: "player"}, false, map[int]string{PlayerSlot: "Z"}},
		{"crash spare", Spec{Kind: "crash", Target: "spare"}, false, map[int]string{1: "Z", 2: "Z"}},
		{"none", Spec{Kind: "none"}, false, map[int]string{}},
		{"command", Spec{Kind: "command"}, false, map[int]string{}},
		{"flood", Spec{Kind: "flood"}, false, map[int]string{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, ctx := newFake(t), context.Background()
			s := Begin(New(tc.spec, time.Millisecond, Point{ID: 5, Name: "publish.half"}))
			defer s.Close()
			victims, err := s.Setup(ctx, e)
			require.NoError(t, err)
			for _, v := range victims {
				require.Contains(t, tc.want, v.Slot)
			}
			require.Len(t, victims, len(tc.want))
			before := clock.Now()
			m, err := s.Inject(ctx)
			require.NoError(t, err)
			require.Equal(t, tc.exact, m.Exact)
			require.LessOrEqual(t, before, m.Before)
			require.LessOrEqual(t, m.Before, m.After)
			require.NoError(t, s.Wait(ctx))
			require.NoError(t, s.Recover(ctx))
			s.Close()
			require.Equal(t, tc.want, e.states())
			sends := tc.spec.Kind == "command" || tc.spec.Kind == "flood"
			require.Equal(t, sends, e.sent == 1 && e.heard == 1)
		})
	}
}

func TestAStoppedVictimHangsUntilItIsKilled(t *testing.T) {
	e := newFake(t)
	s := Begin(New(Spec{Kind: "stop", Target: "primary"}, time.Millisecond, Point{}))
	defer s.Close()
	_, err := s.Setup(context.Background(), e)
	require.NoError(t, err)
	_, err = s.Inject(context.Background())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Wait(ctx), context.DeadlineExceeded)
	require.Equal(t, map[int]string{1: "T"}, e.states())
}

func TestTheHostIsContinuedWhateverGoesWrong(t *testing.T) {
	e := newFake(t)
	s := Begin(New(Spec{Kind: "kill-alone", Target: "primary", Hold: 20}, time.Millisecond, Point{}))
	_, err := s.Setup(context.Background(), e)
	require.NoError(t, err)
	require.Equal(t, "T", e.state(hostSlot))
	s.Close()
	require.Eventually(t, func() bool { return e.state(hostSlot) != "T" }, 5*time.Second, time.Millisecond)
}

func TestAPointThatIsNotPassedIsAnError(t *testing.T) {
	e := newFake(t)
	e.deaf = true
	s := Begin(New(Spec{Kind: "crash", Target: "standby"}, time.Millisecond, Point{ID: 3, Name: "publish.sum"}))
	_, err := s.Setup(context.Background(), e)
	require.NoError(t, err)
	_, err = s.Inject(context.Background())
	require.NoError(t, err)
	err = s.Wait(context.Background())
	require.ErrorIs(t, err, ErrNotPassed)
	require.ErrorContains(t, err, "publish.sum")
	s.Close()
}

func TestAVictimThatIsGoneIsAnError(t *testing.T) {
	e := newFake(t)
	e.status.Workers[1].PID = 1 << 30
	_, err := New(Spec{Kind: "kill", Target: "primary"}, 0, Point{}).Setup(context.Background(), e)
	require.ErrorIs(t, err, unix.ESRCH)
}

func TestChoose(t *testing.T) {
	idle := func(slot int) control.Worker {
		return control.Worker{Role: control.RoleSpare, Slot: slot, State: control.WorkerIdle, PID: 100 + slot}
	}
	primary := control.Worker{Role: control.RolePrimary, Slot: 5}
	standby := control.Worker{Role: control.RoleStandby, Slot: 9, State: control.WorkerRendering, CPU: 1, PID: 109}
	second := control.Worker{Role: control.RoleStandby, Slot: 4}
	starting := control.Worker{Role: control.RoleSpare, State: control.WorkerStarting}
	dead := control.Worker{Role: control.RoleStandby, State: control.WorkerDead}
	for _, tc := range []struct {
		name    string
		workers []control.Worker
		target  string
		want    []int // slots
	}{
		{"the spare in the lowest slot", []control.Worker{standby, idle(4), idle(3)}, "spare", []int{3}},
		{"a starting spare is not idle", []control.Worker{starting}, "spare", nil},
		{"a dead standby does not count", []control.Worker{dead}, "standby", nil},
		{"one of three replicas", []control.Worker{standby, second}, "standby", []int{9}},
		{"two of three", []control.Worker{primary, standby, second}, "both", []int{5, 9}},
		{"no primary", []control.Worker{standby}, "primary", nil},
		{"all that live, and the player", []control.Worker{primary, dead, idle(3)}, "all", []int{5, 3, PlayerSlot}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			victims, err := choose(&control.Status{Workers: tc.workers}, tc.target)
			require.Equal(t, tc.want == nil, err != nil)
			var got []int
			for _, v := range victims {
				got = append(got, v.Slot)
			}
			require.Equal(t, tc.want, got)
		})
	}
}

func TestSelectTakesOnlyPointsOfTheTargetsProcess(t *testing.T) {
	all := []Point{{1, "publish.half", "worker"}, {2, "restore.half", "worker"}, {3, "seal.half", "player"}}
	any := regexp.MustCompile(".")
	require.Equal(t, all[2:], Spec{Target: "player", Points: any}.Select(all))
	require.Equal(t, all[:2], Spec{Target: "primary", Points: any}.Select(all))
	require.Equal(t, all[1:2], Spec{Target: "spare", Points: regexp.MustCompile("^restore")}.Select(all))
}

func TestCheck(t *testing.T) {
	any := regexp.MustCompile(".")
	for _, tc := range []struct {
		spec       Spec
		field, why string
	}{
		{Spec{Kind: "kill", Target: "primary"}, "", ""},
		{Spec{Kind: "none"}, "", ""},
		{Spec{Kind: "crash", Target: "player", Points: any}, "", ""},
		{Spec{Kind: "kill-alone", Target: "primary", Hold: 1}, "", ""},
		{Spec{Kind: "kill", Target: "all"}, "", ""},
		{Spec{Kind: "stop", Target: "player"}, "", ""},
		{Spec{Kind: "spawn-fails", Target: "primary", Hold: 1}, "", ""},
		{Spec{Kind: "spawn-fails", Target: "primary"}, "hold", `fault "spawn-fails" needs hold`},
		{Spec{Kind: "stop", Target: "all"}, "target", `fault "stop": unknown target "all"`},
		{Spec{Kind: "kil"}, "kind", `unknown fault "kil" (known: command, crash, `},
		{Spec{}, "kind", `unknown fault ""`},
		{Spec{Kind: "kill"}, "target", `fault "kill": unknown target "" (known: primary, `},
		{Spec{Kind: "kill", Target: "player"}, "target", `fault "kill": unknown target "player"`},
		{Spec{Kind: "none", Target: "primary"}, "target", `fault "none" takes no target`},
		{Spec{Kind: "crash", Target: "both", Points: any}, "target", `fault "crash": unknown target "both"`},
		{Spec{Kind: "crash", Target: "primary"}, "points", `fault "crash" needs points`},
		{Spec{Kind: "crash", Target: "primary", Points: any, Hold: 1}, "hold", `fault "crash" takes no hold`},
		{Spec{Kind: "kill", Target: "primary", Points: any}, "points", `fault "kill" takes no points`},
		{Spec{Kind: "kill-alone", Target: "primary"}, "hold", `fault "kill-alone" needs hold, in blocks, at least 1`},
		{Spec{Kind: "kill-alone", Target: "primary", Hold: 1, Points: any}, "points", `fault "kill-alone" takes no points`},
		{Spec{Kind: "kill", Target: "primary", Hold: -1}, "hold", `fault "kill" takes no hold`},
	} {
		field, why := tc.spec.Check()
		require.Equal(t, tc.field, field, "%+v", tc.spec)
		require.Equal(t, tc.why == "", why == "")
		require.Contains(t, why, tc.why)
	}
}

var errPlanted = errors.New("planted")
