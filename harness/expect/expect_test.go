package expect_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/control"
	"chronus/harness/expect"
	"chronus/harness/record"
	"chronus/harness/record/recordtest"
)

// kill is the fault of recordtest.Killed and what is expected of it.
type kill struct {
	counts  map[string]expect.Count
	causes  map[string]string
	victims []record.Victim
	moment  record.Moment
}

func expectKill(t *testing.T) kill {
	s := recordtest.Scenario(t)
	victims, moment := recordtest.Hit()
	return kill{maps.Clone(s.Expect), s.Cause, victims, moment}
}

func (k kill) of(window []record.Event) *expect.Outcome {
	return expect.NewRule(k.counts, k.causes).Of(k.victims, k.moment, window)
}

func details(findings []expect.Finding) (d []string) {
	for _, f := range findings {
		d = append(d, f.Assertion+": "+f.Detail)
	}
	return d
}

func TestExactlyTheExpectedEventsAreClean(t *testing.T) {
	x := expectKill(t)
	require.Empty(t, details(x.of(recordtest.Killed()).Findings()))
	require.True(t, x.of(recordtest.Killed()).Met())
	for n := range recordtest.Killed() {
		require.False(t, x.of(recordtest.Killed()[:n]).Met(), "after %d events", n)
	}
}

func TestASurplusLastsUntilTheSpareIsIdleAgain(t *testing.T) {
	x := expectKill(t)
	window := recordtest.Killed()
	require.False(t, x.of(window).Surplus())
	window = append(window, record.Event{Event: control.Event{Kind: control.WorkerPromoted, Slot: 3, PID: 75}})
	require.True(t, x.of(window).Surplus())
	window = append(window, record.Event{Event: control.Event{Kind: control.WorkerRetired, Slot: 3, PID: 75}})
	require.False(t, x.of(window).Surplus())
}

func TestOneEventTooFewIsFound(t *testing.T) {
	for i, e := range recordtest.Killed() {
		window := append(recordtest.Killed()[:i:i], recordtest.Killed()[i+1:]...)
		require.Equal(t, []string{"event-errors: " + e.Kind + ": 0, must be 1"}, details(expectKill(t).of(window).Findings()))
	}
}

func TestOneEventTooManyIsFound(t *testing.T) {
	for _, e := range recordtest.Killed() {
		require.Equal(t, []string{"event-errors: " + e.Kind + ": 2, must be 1"}, details(expectKill(t).of(append(recordtest.Killed(), e)).Findings()))
	}
	for _, kind := range control.Kinds() {
		_, listed := expectKill(t).counts[kind.Name]
		if listed || kind.Name == control.WorkerLeaving { // its worker_down is judged
			continue
		}
		e := record.Event{Event: control.Event{Kind: kind.Name, TNS: recordtest.KillAt + 1}, AtNS: recordtest.KillAt + 2}
		found := expectKill(t).of(append(recordtest.Killed(), e)).Findings()
		switch kind.Name {
		case control.WorkerRetired: // it goes with a promotion, of which there is one too few then
			require.Equal(t, []string{"event-errors: worker_promoted: 0, must be 1"}, details(found))
		default:
			require.Equal(t, kind.Counted, len(found) == 1, kind.Name)
		}
	}
}

func TestWhatTheWindowShows(t *testing.T) {
	event := func(e control.Event) record.Event {
		e.TNS = recordtest.KillAt + 500
		return record.Event{Event: e, AtNS: recordtest.KillAt + 600}
	}
	one := 1
	for _, tc := range []struct {
		name  string
		extra []record.Event
		edit  func(w []record.Event)
		want  []string
	}{
		{"an unordered death", []record.Event{event(control.Event{Kind: control.WorkerDown, Slot: 1, PID: recordtest.Standby, Phase: "idle", Cause: "exit status 2"})}, nil, []string{
			"unordered-deaths: worker_down: pid 72 in slot 1, idle: exit status 2",
		}},
		{"a healthy one declared hung", []record.Event{event(control.Event{Kind: control.WorkerHung, Slot: 1, PID: recordtest.Standby})}, nil, []string{
			"unordered-deaths: worker_hung: pid 72 in slot 1, : ",
		}},
		{"a dead player", []record.Event{event(control.Event{Kind: control.PlayerDown, Slot: -1, PID: 70})}, nil, []string{
			"unordered-deaths: player_down: pid 70 in slot -1, : ",
		}},
		{"a death of the victim's slot's next owner", nil, func(w []record.Event) { w[0].PID = recordtest.Newcomer }, []string{
			"event-errors: worker_down: 0, must be 1", "unordered-deaths: worker_down: pid 74 in slot 0, rendering: signal: killed",
		}},
		{"another cause", nil, func(w []record.Event) { w[0].Cause = "exit status 1" }, []string{
			`event-errors: worker_down of pid 71: its cause is "exit status 1", must match "^signal: killed$"`,
		}},
		{"a switch away from a live worker is not a death", []record.Event{event(control.Event{Kind: control.Switched, FromSlot: &one, Slot: 2})}, nil, nil},
		{"a late one's spare that goes back", []record.Event{
			event(control.Event{Kind: control.WorkerPromoted, Slot: 3, PID: 75, KnownNS: 1, FirstNS: 2}),
			event(control.Event{Kind: control.WorkerRetired, Slot: 3, PID: 75}),
		}, nil, nil},
		{"known before it happened", nil, func(w []record.Event) { w[0].TNS = recordtest.KillAt - 1 }, []string{
			"timestamp-errors: worker_down: its t_ns lies 1 ns before the fault",
		}},
		{"a switch away from the victim before it was hit", nil, func(w []record.Event) { w[3].ReturnNS = recordtest.KillAt - 100 }, nil},
		{"a switch that ends before it begins", nil, func(w []record.Event) { w[3].EntryNS = recordtest.KillAt + 800 }, []string{
			"timestamp-errors: switched: its return_ns is 100 ns before its entry_ns",
		}},
		{"a spare that was there before", nil, func(w []record.Event) { w[2].KnownNS = recordtest.KillAt - 5 }, []string{
			"timestamp-errors: worker_promoted: its known_ns lies 5 ns before the fault",
		}},
		{"a first block before the spare was needed", nil, func(w []record.Event) { w[2].FirstNS = recordtest.KillAt + 209 }, []string{
			"timestamp-errors: worker_promoted: first_ns is 1 ns before known_ns",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			window := recordtest.Killed()
			if tc.edit != nil {
				tc.edit(window)
			}
			require.Equal(t, tc.want, details(expectKill(t).of(append(window, tc.extra...)).Findings()))
		})
	}
}

func TestASwitchBeforeTheFaultIsALateOne(t *testing.T) {
	window := recordtest.Killed()
	require.Empty(t, expectKill(t).of(window).Late)
	window[3].ReturnNS = recordtest.KillAt - 100
	got := expectKill(t).of(window)
	require.Len(t, got.Late, 1)
	require.Len(t, got.Counted[control.Switched], 1, "the fault hit a primary that was no longer one")
}

func TestASwitchToAnotherVictimIsNotTheLast(t *testing.T) {
	x := expectKill(t)
	x.victims = append(x.victims, record.Victim{Role: control.RoleStandby, Slot: 1, PID: recordtest.Standby, Generation: 4})
	require.False(t, x.of(recordtest.Killed()).Met(), "from slot 0 to slot 1, whose worker is dead too")
	from := 1
	again := record.Event{Event: control.Event{
		Kind: control.Switched, Slot: 2, PID: recordtest.Spare, FromSlot: &from, ReturnNS: recordtest.KillAt + 800,
	}}
	require.True(t, x.of(append(recordtest.Killed(), again)).Met())
}

// Two deaths may be mended one after the other, but none twice.
func TestEachMendHasADeath(t *testing.T) {
	x := expectKill(t)
	x.counts[control.RedundancyRestored] = expect.Count{Min: 1, Max: 2}
	again := record.Event{Event: control.Event{Kind: control.RedundancyRestored, Slot: -1, TNS: recordtest.KillAt + 2000}, AtNS: recordtest.KillAt + 2050}
	require.Equal(t, []string{"event-errors: redundancy_restored: 1 with no death since the one before"}, details(x.of(append(recordtest.Killed(), again)).Findings()))

	x.counts[control.WorkerDown] = expect.Exactly(2)
	x.victims = append(x.victims, record.Victim{Role: control.RoleStandby, Slot: 1, PID: recordtest.Standby, Generation: 4})
	late := record.Event{Event: control.Event{Kind: control.WorkerDown, Slot: 1, PID: recordtest.Standby, Cause: "signal: killed", TNS: recordtest.KillAt + 1500}, AtNS: recordtest.KillAt + 1550}
	require.Empty(t, details(x.of(append(recordtest.Killed(), late, again)).Findings()))
}

// A survivor's ring may be switched away from, but no fault orders its death.
func TestASurvivorMustSurvive(t *testing.T) {
	x := expectKill(t)
	x.victims[0].Survives = true
	x.counts = map[string]expect.Count{control.Switched: expect.Exactly(1)}
	require.Empty(t, details(x.of(recordtest.Killed()[3:4]).Findings()))
	require.Equal(t, []string{"unordered-deaths: worker_down: pid 71 in slot 0, rendering: signal: killed"}, details(x.of(append(recordtest.Killed()[:1], recordtest.Killed()[3])).Findings()))
}

func TestNothingMayHappenWithoutAFault(t *testing.T) {
	x := kill{counts: expectKill(t).counts}
	require.Empty(t, x.of(nil).Findings())
	require.Empty(t, x.of([]record.Event{{Event: control.Event{Kind: control.Xrun}}, {Event: control.Event{Kind: control.EngineStarted}}}).Findings())
	require.Len(t, x.of(recordtest.Killed()).Findings(), 5, "all but the exit of one whose death is found already, and the switch, which is late")
	require.Len(t, x.of(recordtest.Killed()).Deaths(), 1)
}

func TestFindingsHaveTheTimeOfTheirWindow(t *testing.T) {
	f := expectKill(t).of(recordtest.Killed()[:6]).Findings()
	require.Len(t, f, 1)
	require.Equal(t, []int64{recordtest.KillAt, recordtest.KillAt + 950}, []int64{f[0].FromNS, f[0].ToNS})
}

func TestARingChangesHandsOnlyAfterADeath(t *testing.T) {
	spawned := func(slot, pid int, last *record.Owner) record.Event {
		return record.Event{Event: control.Event{Kind: control.WorkerSpawned, Slot: slot, PID: pid, TNS: 1}, AtNS: 2, LastOwner: last}
	}
	exited := func(slot, pid int) record.Event {
		return record.Event{Event: control.Event{Kind: control.WorkerExited, Slot: slot, PID: pid, TNS: 1}, AtNS: 2}
	}
	gone, alive, zombie := &record.Owner{PID: 71}, &record.Owner{PID: 71, State: "S"}, &record.Owner{PID: 71, State: "Z"}
	for _, tc := range []struct {
		name   string
		events []record.Event
		want   []string
	}{
		{"in order", []record.Event{spawned(2, 71, nil), exited(2, 71), spawned(2, 72, gone)}, nil},
		{"not yet reaped", []record.Event{spawned(2, 71, nil), exited(2, 71), spawned(2, 72, zombie)}, nil},
		{"the number was given again", []record.Event{spawned(2, 71, nil), exited(2, 71), spawned(2, 71, alive)}, nil},
		{"another slot", []record.Event{spawned(2, 71, nil), spawned(3, 72, nil)}, nil},
		{"no exit reported", []record.Event{spawned(2, 71, nil), spawned(2, 72, gone)}, []string{
			"ring-reuse: slot 2 was given to pid 72, and its last owner, pid 71, was not reported as exited",
		}},
		{"the exit comes after it", []record.Event{spawned(2, 71, nil), spawned(2, 72, gone), exited(2, 71)}, []string{
			"ring-reuse: slot 2 was given to pid 72, and its last owner, pid 71, was not reported as exited",
		}},
		{"reported, and a lie", []record.Event{spawned(2, 71, nil), exited(2, 71), spawned(2, 72, alive)}, []string{
			"ring-reuse: slot 2 was given to pid 72, and its last owner, pid 71, was still there, in state S",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, details(expect.Log(tc.events))) })
	}
}

func TestATimeAfterTheReceiptIsFound(t *testing.T) {
	for name, e := range map[string]control.Event{
		"t_ns": {TNS: 7}, "return_ns": {ReturnNS: 7}, "first_ns": {FirstNS: 7}, "known_ns": {KnownNS: 7},
	} {
		e.Kind = control.WorkerDown
		require.Empty(t, expect.Log([]record.Event{{Event: e, AtNS: 7}}))
		require.Equal(t, []string{"timestamp-errors: worker_down: its " + name + " lies 1 ns after its receipt"},
			details(expect.Log([]record.Event{{Event: e, AtNS: 6}})))
	}
}

func TestPhaseIsTheFirstVictims(t *testing.T) {
	k := expectKill(t)
	require.Equal(t, "rendering", k.of(recordtest.Killed()).Phase())
	k.victims = nil
	require.Empty(t, k.of(recordtest.Killed()).Phase())
}
