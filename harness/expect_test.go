package harness

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chronus/engine/clock"
	"chronus/engine/control"
	"chronus/harness/fault"
	"chronus/harness/floor"
	"chronus/harness/report"
	"chronus/scenarios"
)

const (
	killAt   = 1_000_000
	victim   = 71
	standby  = 72
	spare    = 73
	newcomer = 74
)

// killed is what a perfect engine says of a killed primary.
func killed() []received {
	from := 0
	at := func(ns int64, e control.Event) received {
		e.TNS = killAt + ns
		return received{e, max(e.TNS, e.ReturnNS) + 50}
	}
	return []received{
		at(200, control.Event{Kind: control.WorkerDown, Slot: 0, PID: victim, Cause: "signal: killed", Phase: "rendering"}),
		at(300, control.Event{Kind: control.WorkerExited, Slot: 0, PID: victim, Cause: "signal: killed"}),
		at(400, control.Event{Kind: control.WorkerPromoted, Slot: 2, PID: spare, KnownNS: killAt + 210, FirstNS: killAt + 390, By: "host"}),
		at(-500, control.Event{Kind: control.Switched, Slot: 1, PID: standby, FromSlot: &from, EntryNS: killAt - 500, ReturnNS: killAt + 700}),
		at(600, control.Event{Kind: control.WorkerSpawned, Slot: 4, PID: newcomer}),
		at(900, control.Event{Kind: control.WorkerReady, Slot: 4, PID: newcomer}),
		at(950, control.Event{Kind: control.RedundancyRestored, Slot: -1}),
	}
}

func expectKill(t *testing.T) *expectation {
	s, err := scenarios.Parse("fake.toml", []byte(fakeScenario))
	require.NoError(t, err)
	return newExpectation(s).of(
		[]fault.Victim{{Role: control.RolePrimary, Slot: 0, PID: victim, Generation: 3}},
		fault.Moment{Before: killAt, After: killAt + 10, Exact: true})
}

func details(findings []report.Finding) (d []string) {
	for _, f := range findings {
		d = append(d, f.Assertion+": "+f.Detail)
	}
	return d
}

func TestExactlyTheExpectedEventsAreClean(t *testing.T) {
	x := expectKill(t)
	require.Empty(t, details(x.check(killed())))
	require.True(t, x.met(killed()))
	for n := range killed() {
		require.False(t, x.met(killed()[:n]), "after %d events", n)
	}
}

func TestOneEventTooFewIsFound(t *testing.T) {
	for i, e := range killed() {
		window := append(killed()[:i:i], killed()[i+1:]...)
		require.Equal(t, []string{"event-errors: " + e.Kind + ": 0, must be 1"}, details(expectKill(t).check(window)))
	}
}

func TestOneEventTooManyIsFound(t *testing.T) {
	for _, e := range killed() {
		require.Equal(t, []string{"event-errors: " + e.Kind + ": 2, must be 1"}, details(expectKill(t).check(append(killed(), e))))
	}
	for _, kind := range scenarios.Kinds() {
		if _, listed := expectKill(t).expect[kind]; listed || kind == control.WorkerLeaving || kind == control.WorkerHung || kind == control.PlayerDown {
			continue
		}
		window := append(killed(), received{control.Event{Kind: kind, TNS: killAt + 1}, killAt + 2})
		require.Len(t, expectKill(t).check(window), 1, kind)
	}
}

func TestWhatTheWindowShows(t *testing.T) {
	event := func(e control.Event) received {
		e.TNS = killAt + 500
		return received{e, killAt + 600}
	}
	one := 1
	for _, tc := range []struct {
		name  string
		extra []received
		edit  func(w []received)
		want  []string
	}{
		{"an unordered death", []received{event(control.Event{Kind: control.WorkerDown, Slot: 1, PID: standby, Phase: "idle", Cause: "exit status 2"})}, nil, []string{
			"unordered-deaths: worker_down: pid 72 in slot 1, idle: exit status 2",
		}},
		{"a healthy one declared hung", []received{event(control.Event{Kind: control.WorkerHung, Slot: 1, PID: standby})}, nil, []string{
			"unordered-deaths: worker_hung: pid 72 in slot 1, : ",
		}},
		{"a dead player", []received{event(control.Event{Kind: control.PlayerDown, Slot: -1, PID: 70})}, nil, []string{
			"unordered-deaths: player_down: pid 70 in slot -1, : ",
		}},
		{"a death of the victim's slot's next owner", nil, func(w []received) { w[0].PID = newcomer }, []string{
			"event-errors: worker_down: 0, must be 1", "unordered-deaths: worker_down: pid 74 in slot 0, rendering: signal: killed",
		}},
		{"another cause", nil, func(w []received) { w[0].Cause = "exit status 1" }, []string{
			`event-errors: worker_down of pid 71: its cause is "exit status 1", must match "^signal: killed$"`,
		}},
		{"a switch away from the living is nobody's death", []received{event(control.Event{Kind: control.Switched, FromSlot: &one, Slot: 2})}, nil, nil},
		{"a late one's spare that goes back", []received{
			event(control.Event{Kind: control.WorkerPromoted, Slot: 3, PID: 75, KnownNS: 1, FirstNS: 2}),
			event(control.Event{Kind: control.WorkerRetired, Slot: 3, PID: 75}),
		}, nil, nil},
		{"known before it happened", nil, func(w []received) { w[0].TNS = killAt - 1 }, []string{
			"timestamp-errors: worker_down: its t_ns lies 1 ns before the fault",
		}},
		{"a switch away from the victim before it was hit", nil, func(w []received) { w[3].ReturnNS = killAt - 100 }, nil},
		{"a switch that ends before it begins", nil, func(w []received) { w[3].EntryNS = killAt + 800 }, []string{
			"timestamp-errors: switched: its return_ns is 100 ns before its entry_ns",
		}},
		{"a spare that was there before", nil, func(w []received) { w[2].KnownNS = killAt - 5 }, []string{
			"timestamp-errors: worker_promoted: its known_ns lies 5 ns before the fault",
		}},
		{"a first block before the spare was needed", nil, func(w []received) { w[2].FirstNS = killAt + 209 }, []string{
			"timestamp-errors: worker_promoted: first_ns is 1 ns before known_ns",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			window := killed()
			if tc.edit != nil {
				tc.edit(window)
			}
			require.Equal(t, tc.want, details(expectKill(t).check(append(window, tc.extra...))))
		})
	}
}

func TestASwitchBeforeTheFaultIsALateOne(t *testing.T) {
	window := killed()
	require.Empty(t, expectKill(t).tally(window).late)
	window[3].ReturnNS = killAt - 100
	got := expectKill(t).tally(window)
	require.Len(t, got.late, 1)
	require.Equal(t, 1, got.count(control.Switched), "the fault found a primary that was none any more")
}

func TestASwitchToAnotherVictimIsNotTheLast(t *testing.T) {
	x := expectKill(t)
	x.victims = append(x.victims, fault.Victim{Role: control.RoleStandby, Slot: 1, PID: standby, Generation: 4})
	require.False(t, x.met(killed()), "from slot 0 to slot 1, whose worker is dead too")
	from := 1
	require.True(t, x.met(append(killed(), received{Event: control.Event{Kind: control.Switched, Slot: 2, PID: spare, FromSlot: &from, ReturnNS: killAt + 800}})))
}

// Two deaths may be mended one after the other, but none twice.
func TestEachMendHasADeath(t *testing.T) {
	x := expectKill(t)
	x.expect[control.RedundancyRestored] = scenarios.Count{Min: 1, Max: 2}
	again := received{Event: control.Event{Kind: control.RedundancyRestored, Slot: -1, TNS: killAt + 2000}, at: killAt + 2050}
	require.Equal(t, []string{"event-errors: redundancy_restored: 1 with no death since the one before"}, details(x.check(append(killed(), again))))

	x.expect[control.WorkerDown] = scenarios.Exactly(2)
	x.victims = append(x.victims, fault.Victim{Role: control.RoleStandby, Slot: 1, PID: standby, Generation: 4})
	late := received{Event: control.Event{Kind: control.WorkerDown, Slot: 1, PID: standby, Cause: "signal: killed", TNS: killAt + 1500}, at: killAt + 1550}
	require.Empty(t, details(x.check(append(killed(), late, again))))
}

// A survivor's ring may be switched away from; its death is nobody's order.
func TestASurvivorMustSurvive(t *testing.T) {
	x := expectKill(t)
	x.victims[0].Survives = true
	x.expect = map[string]scenarios.Count{control.Switched: scenarios.Exactly(1)}
	require.Empty(t, details(x.check(killed()[3:4])))
	require.Equal(t, []string{"unordered-deaths: worker_down: pid 71 in slot 0, rendering: signal: killed"}, details(x.check(append(killed()[:1], killed()[3]))))
}

func TestNothingMayHappenWithoutAFault(t *testing.T) {
	x := expectKill(t).of(nil, fault.Moment{})
	require.Empty(t, x.check(nil))
	require.Empty(t, x.check([]received{{control.Event{Kind: control.Xrun}, 1}, {control.Event{Kind: control.EngineStarted}, 1}}))
	require.Len(t, x.check(killed()), 5, "all but the exit of one whose death is found already, and the switch, which is late")
	require.Len(t, x.unorderedOnly(killed()), 1)
}

func TestFindingsHaveTheTimeOfTheirWindow(t *testing.T) {
	f := expectKill(t).check(killed()[:6])
	require.Len(t, f, 1)
	require.Equal(t, []int64{killAt, killAt + 950}, []int64{f[0].FromNS, f[0].ToNS})
}

func TestMeasure(t *testing.T) {
	x := expectKill(t)
	require.Equal(t, map[string]float64{
		report.Detect: 200, report.Mend: 950, report.Promote: 180, report.Spawn: 300, report.Switch: 1200,
		report.DetectSeen: 250, report.MendSeen: 1000, report.PromoteSeen: 450, report.SpawnSeen: 950, report.SwitchSeen: 750,
	}, x.measure(killed()))
	require.Equal(t, "rendering", x.phase(killed()))

	leaving := received{control.Event{Kind: control.WorkerLeaving, Slot: 0, PID: victim, TNS: killAt + 90}, killAt + 95}
	require.Equal(t, 90.0, x.measure(append(killed(), leaving))[report.Detect], "the leave notice comes first")

	x.moment.Exact = false
	values := x.measure(killed())
	require.NotContains(t, values, report.Detect, "no latency counts from a time that is not known")
	require.NotContains(t, values, report.Mend)
	require.NotContains(t, values, report.PromoteSeen)
	require.Contains(t, values, report.Promote)
}

func spawnedAs(slot, pid int) control.Event {
	return control.Event{Kind: control.WorkerSpawned, Slot: slot, PID: pid, TNS: 1}
}

func TestARingChangesHandsOnlyAfterADeath(t *testing.T) {
	alive := exec.Command("sleep", "300")
	require.NoError(t, alive.Start())
	defer func() { alive.Process.Kill(); alive.Wait() }()
	const gone = 1 << 30

	for _, tc := range []struct {
		name   string
		events []control.Event
		want   []string
	}{
		{"in order", []control.Event{spawnedAs(2, gone), {Kind: control.WorkerExited, Slot: 2, PID: gone}, spawnedAs(2, gone+1)}, nil},
		{"another slot", []control.Event{spawnedAs(2, alive.Process.Pid), spawnedAs(3, gone)}, nil},
		{"no exit reported", []control.Event{spawnedAs(2, gone), spawnedAs(2, gone+1)}, []string{
			"ring-reuse: slot 2 was given to pid 1073741825, and its last owner, pid 1073741824, was not reported as exited",
		}},
		{"reported, and a lie", []control.Event{
			spawnedAs(2, alive.Process.Pid), {Kind: control.WorkerExited, Slot: 2, PID: alive.Process.Pid}, spawnedAs(2, gone),
		}, []string{"was still there, in state"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newEventLog()
			for _, e := range tc.events {
				l.add(e)
			}
			require.Len(t, l.findings, len(tc.want))
			for i, want := range tc.want {
				require.Contains(t, details(l.findings)[i], want)
			}
		})
	}
}

func TestAnEventOfTheFutureIsFound(t *testing.T) {
	l := newEventLog()
	l.add(control.Event{Kind: control.WorkerDown, TNS: clock.Now() + int64(time.Hour)})
	require.Len(t, l.findings, 1)
	require.Equal(t, report.TimestampErrors, l.findings[0].Assertion)
}

func TestWaitEndsWithTheStreamAndWithTheContext(t *testing.T) {
	never := func([]received) bool { return false }
	l := newEventLog()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, l.wait(ctx, 0, never), context.Canceled)

	go l.add(control.Event{Kind: control.EngineStarted, TNS: 1})
	require.NoError(t, l.wait(context.Background(), 0, func(w []received) bool { return len(w) == 1 }))
	l.end(control.ErrGone)
	err := l.wait(context.Background(), 0, never)
	require.ErrorIs(t, err, errStream)
	require.ErrorIs(t, err, control.ErrGone)
}

func TestWhole(t *testing.T) {
	w := func(role, state string) control.Worker { return control.Worker{Role: role, State: state} }
	good := []control.Worker{
		w(control.RolePrimary, control.WorkerRendering), w(control.RoleStandby, control.WorkerRendering), w(control.RoleSpare, control.WorkerIdle),
	}
	status := func(workers ...control.Worker) *control.Status {
		return &control.Status{State: control.StatePlaying, Replicas: 2, Spares: 1, Player: control.Player{PID: 70}, Workers: workers}
	}
	require.True(t, whole(status(good...)))
	require.False(t, whole(status(good[:2]...)), "no spare")
	require.False(t, whole(status(good[1:]...)), "one renderer")
	require.False(t, whole(status(append(good, w(control.RoleStandby, control.WorkerRendering))...)), "one renderer too many")
	require.False(t, whole(status(append(good, w(control.RoleSpare, control.WorkerDead))...)), "one not yet reaped")
	require.False(t, whole(status(good[0], w(control.RoleStandby, control.WorkerRestoring), good[2])), "one on its way")
	s := status(good...)
	s.State = control.StateStopping
	require.False(t, whole(s))
	s = status(good...)
	s.Player.PID = 0
	require.False(t, whole(s), "no player")
}

func TestDealHandsOutEveryPoint(t *testing.T) {
	points := make([]fault.Point, 14)
	for i := range points {
		points[i].ID = i + 1
	}
	load := scenarios.Load{Processes: 6, Cycles: 3}
	times := map[int]int{}
	for run := range load.Processes {
		for _, p := range deal(points, load, run+1, false) {
			times[p.ID]++
		}
	}
	for _, p := range points {
		require.Equal(t, 3, times[p.ID], "point %d", p.ID)
	}
	require.Len(t, deal(points, scenarios.Load{Processes: 6, Cycles: 1}, 4, true), 14)
}

func TestUncoveredPointsAreTold(t *testing.T) {
	known := []fault.Point{{ID: 1, Name: "publish.half", Target: "worker"}, {ID: 2, Name: "restore.half", Target: "worker"}, {ID: 3, Name: "seal.half", Target: "player"}}
	require.Empty(t, uncovered(known))
	unknown := fault.Point{ID: 4, Name: "dream.half", Target: "worker"}
	require.Equal(t, []fault.Point{unknown}, uncovered(append(known, unknown)))
}

func TestShowsAndHitsPlayer(t *testing.T) {
	s := &control.Status{Player: control.Player{PID: 70}, Workers: []control.Worker{{PID: 71}}}
	require.True(t, shows(s, []fault.Victim{{PID: 71}}))
	require.True(t, shows(s, []fault.Victim{{PID: 70, Slot: fault.PlayerSlot}}))
	require.False(t, shows(s, []fault.Victim{{PID: 72}}))
	require.False(t, shows(s, []fault.Victim{{PID: 71, Survives: true}}))
	require.False(t, shows(s, nil))
	require.True(t, hitsPlayer([]fault.Victim{{PID: 70, Slot: fault.PlayerSlot}}))
	require.False(t, hitsPlayer([]fault.Victim{{PID: 71}}))
}

// Where threads have their priority, what a late machine would excuse needs a late machine.
func TestLatenessNeedsAStallOfTheFloor(t *testing.T) {
	const at = 1_000_000_000
	for _, tc := range []struct {
		name   string
		fifo   bool
		stalls []floor.Stall
		want   int
	}{
		{"the machine was late", true, []floor.Stall{{DueNS: at - 100, WokeNS: at + 5_000_000}}, 0},
		{"it was late at another time", true, []floor.Stall{{DueNS: at + 1_000_000_000, WokeNS: at + 1_005_000_000}}, 2},
		{"it was not", true, nil, 2},
		{"no priority", false, nil, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &session{scenario: &scenarios.Scenario{Patch: "steps"}, run: &report.Run{Engine: report.Engine{Fifo: tc.fifo, LeadNS: 17_000_000}, Floor: floor.Report{Fifo: tc.fifo, Stalls: tc.stalls}}}
			one := 1
			s.account(expectKill(t), []received{
				{control.Event{Kind: control.Switched, FromSlot: &one, Slot: 2, EntryNS: at, ReturnNS: at + 7000}, at + 9000},
				{control.Event{Kind: control.Xrun, TNS: at + 2_000_000, DurNS: 20_000_000}, at + 2_100_000},
			})
			s.judgeFloor()
			require.Len(t, s.run.Findings, tc.want)
			v, _ := s.run.Value(report.Xruns)
			require.Equal(t, 1.0, v)
		})
	}
}

// Without a spare the new worker itself takes the dead one's place: that is no promotion of a spare.
func TestFirstBlockIsTimedWhereNoSpareWasReady(t *testing.T) {
	window := killed()
	window[2].PID, window[2].Slot = newcomer, 4
	window[2].KnownNS, window[2].FirstNS = killAt+950, killAt+990
	values := expectKill(t).measure(window)
	require.Equal(t, 390.0, values[report.FirstBlock])
	require.NotContains(t, values, report.Promote)
	values = expectKill(t).measure(killed())
	require.NotContains(t, values, report.FirstBlock)
	require.Equal(t, 180.0, values[report.Promote])
}
