package metric_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/control"
	"chronus/harness/metric"
	"chronus/harness/oracle"
	"chronus/harness/record"
	"chronus/harness/record/recordtest"
)

// samples takes every metric that has one per cycle.
func samples(t *testing.T, window []record.Event, edit func(c *record.Cycle)) map[string]float64 {
	t.Helper()
	victims, moment := recordtest.Hit()
	fact := &record.Cycle{Cycle: 1, Victims: victims, Moment: moment}
	edit(fact)
	j := &metric.Judged{Record: &record.Record{}}
	c := &metric.Cycle{Fact: fact, Outcome: recordtest.Scenario(t).Rule().Of(fact.Victims, fact.Moment, window)}
	all := map[string]float64{}
	for _, m := range metric.All() {
		if m.Sample == nil {
			continue
		}
		if v, ok := m.Sample(j, c); ok {
			all[m.Name] = v
		}
	}
	return all
}

func asItIs(*record.Cycle) {}

func TestLatenciesOfAKill(t *testing.T) {
	want := map[string]float64{
		metric.Detect: 200, metric.Mend: 950, metric.Promote: 180, metric.Spawn: 300, metric.Switch: 1200,
		metric.DetectSeen: 250, metric.MendSeen: 1000, metric.PromoteSeen: 450, metric.SpawnSeen: 950, metric.SwitchSeen: 750,
		metric.InjectLate: recordtest.KillAt / 1e9,
	}
	got := samples(t, recordtest.Killed(), asItIs)
	require.Subset(t, got, want)
	for _, name := range []string{metric.Exit, metric.Failover, metric.FirstBlock, metric.FloorPidfd, metric.FloorExec} {
		require.NotContains(t, got, name, "it was not seen")
	}

	leaving := record.Event{Event: control.Event{
		Kind: control.WorkerLeaving, Slot: 0, PID: recordtest.Victim, TNS: recordtest.KillAt + 90,
	}, AtNS: recordtest.KillAt + 95}
	require.Equal(t, 90.0, samples(t, append(recordtest.Killed(), leaving), asItIs)[metric.Detect], "the leave notice comes first")

	got = samples(t, recordtest.Killed(), func(c *record.Cycle) { c.GoneNS, c.PidfdNS, c.ExecNS = recordtest.KillAt+700, 5, 6 })
	want[metric.Exit], want[metric.FloorPidfd], want[metric.FloorExec] = 700, 5, 6
	require.Subset(t, got, want)
}

// No latency counts from a time that is not known.
func TestNoLatencyCountsFromAMomentThatIsNotExact(t *testing.T) {
	got := samples(t, recordtest.Killed(), func(c *record.Cycle) { c.Moment.Exact, c.GoneNS = false, recordtest.KillAt+700 })
	for _, name := range []string{metric.Detect, metric.Mend, metric.Exit, metric.PromoteSeen, metric.DetectSeen} {
		require.NotContains(t, got, name)
	}
	require.Contains(t, got, metric.Promote)
}

func TestASurvivorHasNoExit(t *testing.T) {
	require.NotContains(t, samples(t, nil, func(c *record.Cycle) {
		c.GoneNS = recordtest.KillAt + 700
		c.Victims[0].Survives = true
	}), metric.Exit)
}

// A clock that contradicts the harness's is a timestamp error, not a negative
// latency.
func TestNoLatencyIsNegative(t *testing.T) {
	window := recordtest.Killed()
	window[0].TNS = recordtest.KillAt - 5
	require.Equal(t, 0.0, samples(t, window, asItIs)[metric.Detect])
}

// Without a spare the new worker itself takes the dead one's place: that is no
// promotion of a spare.
func TestFirstBlockIsTimedWhereNoSpareWasReady(t *testing.T) {
	window := recordtest.Killed()
	window[2].PID, window[2].Slot = recordtest.Newcomer, 4
	window[2].KnownNS, window[2].FirstNS = recordtest.KillAt+950, recordtest.KillAt+990
	got := samples(t, window, asItIs)
	require.Equal(t, 390.0, got[metric.FirstBlock])
	require.NotContains(t, got, metric.Promote)
	got = samples(t, recordtest.Killed(), asItIs)
	require.NotContains(t, got, metric.FirstBlock)
	require.Equal(t, 180.0, got[metric.Promote])
}

func TestFailoverIsTakenFromTheTape(t *testing.T) {
	victims, moment := recordtest.Hit()
	fact := &record.Cycle{Cycle: 1, Victims: victims, Moment: moment}
	j := &metric.Judged{Record: &record.Record{}, Truth: &oracle.Result{Index: []oracle.Delivered{
		{Block: 1, EntryNS: recordtest.KillAt - 100, ReturnNS: recordtest.KillAt + 50, Slot: 1, Generation: 4},
		{Block: 2, EntryNS: recordtest.KillAt + 100, ReturnNS: recordtest.KillAt + 150, Slot: 0, Generation: 3},
		{Block: 3, EntryNS: recordtest.KillAt + 200, ReturnNS: recordtest.KillAt + 260, Slot: 1, Generation: 4},
	}}}
	m, _ := metric.Lookup(metric.Failover)
	v, ok := m.Sample(j, &metric.Cycle{Fact: fact})
	require.True(t, ok)
	require.Equal(t, 260.0, v)
	fact.Victims[0].Role = control.RoleStandby
	_, ok = m.Sample(j, &metric.Cycle{Fact: fact})
	require.False(t, ok, "another worker than the primary has nothing to fail over from")
}
