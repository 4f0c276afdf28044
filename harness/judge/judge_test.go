package judge

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"chronus/engine/control"
	"chronus/engine/tape"
	"chronus/harness/fault"
	"chronus/harness/floor"
	"chronus/harness/listener"
	"chronus/harness/metric"
	"chronus/harness/oracle"
	"chronus/harness/record"
	"chronus/harness/record/recordtest"
	"chronus/harness/report"
	"chronus/harness/scenario"
)

// clean is a record that judging finds nothing in, and the folder of its files.
// Each call returns a copy to edit.
type clean struct {
	s    *scenario.Scenario
	dir  string
	text []byte
}

func newClean(t testing.TB, cycles int) clean {
	t.Helper()
	c := clean{s: recordtest.Scenario(t), dir: t.TempDir()}
	var b bytes.Buffer
	require.NoError(t, recordtest.Clean(t, c.dir, cycles).Encode(&b))
	c.text = b.Bytes()
	return c
}

func (c clean) record(t require.TestingT) *record.Record {
	rec, err := record.Decode(bytes.NewReader(c.text))
	require.NoError(t, err)
	return rec
}

// judge returns the findings, each as "assertion: detail".
func (c clean) judge(t require.TestingT, rec *record.Record) (found []string) {
	run, err := Run(c.s, rec, c.dir)
	require.NoError(t, err)
	for _, f := range run.Findings {
		require.Equal(t, rec.Run, f.Run)
		found = append(found, f.Assertion+": "+f.Detail)
	}
	return found
}

func TestAnEngineThatDidEverythingRightIsClean(t *testing.T) {
	c := newClean(t, 3)
	run, err := Run(c.s, c.record(t), c.dir)
	require.NoError(t, err)
	require.Empty(t, run.Findings)
	require.Len(t, run.Cycles, 3)
	require.Equal(t, report.Engine{Sink: "wav", Frames: 256, Rate: 44100, BlockNS: 5804988, LeadNS: 3 * 5804988, Fifo: true}, run.Engine)
	for _, cycle := range run.Cycles {
		require.Equal(t, "rendering", cycle.Phase)
	}
	for name, want := range map[string]float64{
		metric.Detect: 200, metric.DetectSeen: 250, metric.Switch: 1200, metric.Promote: 180, metric.Spawn: 300, metric.Mend: 950,
		metric.Exit: 500, metric.InjectLate: 4e-6, metric.FloorPidfd: 400, metric.FloorExec: 900,
	} {
		require.Equal(t, []float64{want, want, want}, run.Samples(name), name)
	}
	require.Len(t, run.Samples(metric.Command), 3)
	for _, m := range metric.All() {
		if m.Judged() && m.Source != metric.Heard && m.Name != oracle.ClosedForm && m.Name != metric.Drift && !m.Found {
			v, measured := run.Value(m.Name)
			require.True(t, measured, "%s was not measured", m.Name)
			require.LessOrEqual(t, v, m.Limit, m.Name)
		}
	}
}

// Each edit of a clean record is found, for the right reason and nothing else.
func TestWhatARecordShows(t *testing.T) {
	at := func(rec *record.Record, cycle int, kind string) *record.Event {
		i := slices.IndexFunc(rec.Events, func(e record.Event) bool { return e.Cycle == cycle && e.Kind == kind })
		require.GreaterOrEqual(t, i, 0)
		return &rec.Events[i]
	}
	c := newClean(t, 3)
	for _, tc := range []struct {
		name string
		edit func(rec *record.Record)
		want []string
	}{
		{"the engine did not start", func(r *record.Record) {
			*r = record.Record{Header: r.Header, Troubles: []record.Trouble{{Stage: record.StageStart, Text: "no such patch"}}}
		}, []string{"engine-errors: no such patch", "truth: the engine did not come to play"}},
		{"it did not settle", func(r *record.Record) {
			r.Troubles = []record.Trouble{{Stage: record.StageSettle, Text: "not whole within 10s"}}
		}, []string{"engine-errors: after its start: not whole within 10s"}},
		{"it did not mend", func(r *record.Record) {
			r.Troubles = []record.Trouble{{Stage: record.StageMend, Cycle: 3, Text: "not whole"}}
			r.Cycles[2].Whole, r.Cycles[2].Point = false, "seal.half"
		}, []string{"engine-errors: seal.half: not mended: not whole"}},
		{"a failpoint was not passed", func(r *record.Record) {
			r.Troubles = []record.Trouble{{Stage: record.StagePoint, Cycle: 2, Text: "not passed"}}
			r.Cycles[1].Point = "seal.half"
		}, []string{"missed-points: seal.half: not passed"}},
		{"a failpoint was not armed", func(r *record.Record) { r.Unarmed = []string{"seal.half"} }, []string{
			"missed-points: seal.half: not armed, the engine was not whole",
		}},
		{"the recording has no end", func(r *record.Record) {
			r.Troubles = []record.Trouble{{Stage: record.StageListener, Text: "no silence"}}
			r.Listener = &record.Listener{}
		}, []string{"truth: no silence"}},
		{"it left a process", func(r *record.Record) { r.Leftovers = []string{"process 9 (sleep, S)"} }, []string{
			"leftovers: process 9 (sleep, S)",
		}},
		{"a death while it started", func(r *record.Record) {
			r.Events[0].Kind, r.Events[0].Phase = control.WorkerDown, "idle"
		}, []string{"unordered-deaths: worker_down: pid 71 in slot 0, idle: "}},
		{"an event after the last cycle", func(r *record.Record) {
			at(r, 3, control.RedundancyRestored).Cycle = record.Resting
		}, []string{
			"event-errors: redundancy_restored: 0, must be 1", "event-errors: after the last cycle: redundancy_restored: 1, must be 0",
		}},
		{"an event while it ended", func(r *record.Record) {
			r.Events = append(r.Events, record.Event{Event: control.Event{Kind: control.WorkerDown, PID: 72}, Cycle: record.Apart})
		}, nil},
		{"a ring was reused", func(r *record.Record) {
			e := at(r, 1, control.WorkerSpawned)
			e.Slot = 1
			e.LastOwner = &record.Owner{PID: 72, State: "S"}
		}, []string{
			"ring-reuse: slot 1 was given to pid 75, and its last owner, pid 72, was not reported as exited",
			"ring-reuse: slot 1 was given to pid 75, and its last owner, pid 72, was still there, in state S",
		}},
		{"a switch that the status does not count", func(r *record.Record) { r.Last.Failovers = 2 }, []string{
			"status-errors: failovers, counted in events: 2, must be 3",
		}},
		{"a switch that the player did not live to report", func(r *record.Record) {
			r.Last.Failovers = 4
			r.Cycles[1].Victims = append(r.Cycles[1].Victims, record.Victim{Role: "player", Slot: fault.PlayerSlot})
		}, nil},
		{"two such switches and one player", func(r *record.Record) {
			r.Last.Failovers = 5
			r.Cycles[1].Victims = append(r.Cycles[1].Victims, record.Victim{Role: "player", Slot: fault.PlayerSlot})
		}, []string{"status-errors: failovers, counted in events: 5, must be 3..4"}},
		{"a loss that the tape does not have", func(r *record.Record) { r.Last.LostFrames = 256 }, []string{
			"status-errors: lost_frames: 256, on the tape 0 before block 60 and 0 in all",
		}},
		{"an event too many", func(r *record.Record) {
			r.Events = append(r.Events, *at(r, 2, control.RedundancyRestored))
		}, []string{"event-errors: redundancy_restored: 2, must be 1"}},
		{"another cause", func(r *record.Record) { at(r, 2, control.WorkerDown).Cause = "exit status 1" }, []string{
			`event-errors: worker_down of pid 72: its cause is "exit status 1", must match "^signal: killed$"`,
		}},
		{"a packet was refused", func(r *record.Record) { r.Last.BadPackets = 1 }, []string{"status-errors: bad_packets: 1, must be 0"}},
		{"no status at the end", func(r *record.Record) { r.Last = nil }, nil},
		{"the tape is gone", func(r *record.Record) { r.Files.Tape = "gone.tape" }, []string{
			"truth: oracle: tape: open " + filepath.Join(c.dir, "gone.tape") + ": no such file or directory",
		}},
		{"a death when memory ran out", func(r *record.Record) {
			r.Events[0].Kind = control.WorkerDown
			r.OOMKills = 1
		}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rec := c.record(t)
			tc.edit(rec)
			require.Equal(t, tc.want, c.judge(t, rec))
		})
	}
}

// What the oracle finds in the files is a finding, a lost frame with its cycle
// and time.
func TestWhatTheFilesShow(t *testing.T) {
	c := newClean(t, 3)
	sound := filepath.Join(c.dir, "sound.wav")
	text, err := os.ReadFile(sound)
	require.NoError(t, err)
	text[len(text)-1000] ^= 1
	require.NoError(t, os.WriteFile(sound, text, 0o644))
	found := c.judge(t, c.record(t))
	require.Len(t, found, 2)
	require.Contains(t, found[0], "wrong-frames: ")
	require.Contains(t, found[1], "commands-unknown: ")

	j := &metric.Judged{LeadNS: 300, Truth: &oracle.Result{Index: []oracle.Delivered{
		{Block: 1, EntryNS: 1000, ReturnNS: 1010},
		{Block: 2, EntryNS: 1100, ReturnNS: 1110, Flags: tape.FlagLost, Slot: -1},
		{Block: 3, EntryNS: 1200, ReturnNS: 1210, Flags: tape.FlagLost, Slot: -1},
		{Block: 4, EntryNS: 1300, ReturnNS: 1310},
		{Block: 5, EntryNS: 1400, ReturnNS: 1410, Flags: tape.FlagLost, Slot: -1},
	}}}
	for n, ns := range []int64{900, 1350} {
		fact := &record.Cycle{Cycle: n + 1, Whole: true, Moment: record.Moment{Before: ns}}
		j.Cycles = append(j.Cycles, metric.Cycle{Fact: fact})
	}
	require.Equal(t, []report.Finding{
		{Assertion: metric.LostFrames, Cycle: 1, Detail: "blocks 2 to 3", FromNS: 800, ToNS: 1210},
		{Assertion: metric.LostFrames, Cycle: 2, Detail: "blocks 5 to 5", FromNS: 1100, ToNS: 1410},
	}, losses(j))
}

func TestACommandThatNothingShowsIsLost(t *testing.T) {
	c := newClean(t, 3)
	rec := c.record(t)
	rec.Sent = append(rec.Sent, record.Sent{Seq: 4, Value: 0.5, SentNS: 6e9})
	found := c.judge(t, rec)
	require.Len(t, found, 1)
	require.Contains(t, found[0], "commands-lost: command 4 (0.5)")
}

// What rises between settled points is a leak, of the process that rose most.
func TestFiguresOfWhatProcessesHold(t *testing.T) {
	c := newClean(t, 3)
	rec := c.record(t)
	rec.Holdings[1].Worker.FDs = 3
	rec.Holdings[2].Host = record.Usage{FDs: 2, Threads: 4, RSS: 1 << 20}
	rec.Holdings[2].Goroutines = 9
	rec.Heaps[1].Allocs, rec.Heaps[2].Allocs, rec.Heaps[0].GCs = 3, 4, 1
	rec.Host = &record.HostRuntime{
		Before: record.Runtime{Mallocs: 1000, Pauses: 2}, BeforeNS: 1e9,
		After: &record.Runtime{Mallocs: 5000, Pauses: 5, LongestPause: 0.25}, AfterNS: 3e9,
	}
	run, err := Run(c.s, rec, c.dir)
	require.NoError(t, err)
	for name, want := range map[string]float64{
		metric.LeakedFDs: 3, metric.LeakedThreads: 4, metric.LeakedRSS: 1 << 20, metric.LeakedGoroutines: 0, metric.Allocs: 7,
		metric.Collections: 1, metric.HostAllocs: 2000, metric.HostPauses: 3, metric.HostPauseMax: 0.25,
	} {
		v, ok := run.Value(name)
		require.True(t, ok, name)
		require.Equal(t, want, v, name)
	}
	rec.Holdings, rec.Heaps = rec.Holdings[:1], nil
	run, err = Run(c.s, rec, c.dir)
	require.NoError(t, err)
	for _, name := range []string{metric.LeakedFDs, metric.LeakedProcs, metric.Allocs, metric.HostAllocs} {
		_, ok := run.Value(name)
		require.False(t, ok, "%s was read once or never", name)
	}
}

// Where threads have their priority, what only a late machine would excuse
// needs a late machine.
func TestLatenessNeedsAStallOfTheFloor(t *testing.T) {
	c := newClean(t, 2)
	base := c.record(t)
	at := base.Cycles[1].Moment.Before + 2_000_000
	alive := 2
	base.Events = append(
		base.Events,
		record.Event{AtNS: at + 9000, Cycle: 2, Event: control.Event{
			Kind: control.Switched, FromSlot: &alive, Slot: 3, Block: 1000, EntryNS: at, ReturnNS: at + 7000,
		}},
		record.Event{AtNS: at + 2_100_000, Cycle: 2, Event: control.Event{Kind: control.Xrun, TNS: at + 2_000_000, DurNS: 20_000_000}},
	)
	for _, tc := range []struct {
		name   string
		fifo   bool
		sink   string
		stalls []floor.Stall
		want   int
	}{
		{"the machine was late", true, "wav", []floor.Stall{{DueNS: at - 100, WokeNS: at + 5_000_000}}, 0},
		{"it was late at another time", true, "wav", []floor.Stall{{DueNS: at + 1e9, WokeNS: at + 1e9 + 5_000_000}}, 2},
		{"it was not", true, "wav", nil, 2},
		{"no priority", false, "wav", nil, 0},
		{"a sound server's xrun", true, "portaudio", nil, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rec := *base
			settled := *base.Settled
			settled.Player.Sched = map[bool]string{true: "fifo", false: "other"}[tc.fifo]
			rec.Settled, rec.Floor.Stalls, rec.Engine.Sink = &settled, tc.stalls, tc.sink
			run, err := Run(c.s, &rec, c.dir)
			require.NoError(t, err)
			n := 0
			for _, f := range run.Findings {
				if f.Assertion == metric.EventErrors {
					n++
					require.Contains(t, f.Detail, "and the machine was not late")
				}
			}
			require.Equal(t, tc.want, n)
			v, _ := run.Value(metric.Xruns)
			require.Equal(t, 1.0, v)
			v, _ = run.Value(metric.LateSwitches)
			require.Equal(t, 1.0, v)
		})
	}
	rested := *base
	rested.Events = append(slices.Clone(base.Events), record.Event{
		AtNS: at + 9e9, Cycle: record.Resting, Event: control.Event{Kind: control.Xrun, TNS: at + 9e9, DurNS: 1e9},
	})
	run, err := Run(c.s, &rested, c.dir)
	require.NoError(t, err)
	v, _ := run.Value(metric.Xruns)
	require.Equal(t, 2.0, v, "also after the last cycle")
	v, _ = run.Value(metric.XrunTime)
	require.InDelta(t, 1.02, v, 1e-9)

	heavy := *c.s
	heavy.Patch = "heavy"
	run, err = Run(&heavy, base, c.dir)
	require.NoError(t, err)
	require.Len(t, run.Findings, 1, "a patch that takes all that two CPUs have may be late to switch")
}

// The recording at a device is held to the tape.
func TestWhatTheListenerHeard(t *testing.T) {
	c := newClean(t, 2)
	rec := c.record(t)
	rec.Listener = &record.Listener{Whole: true}
	rec.Files.Listener = "heard.f32"
	require.Equal(t, []string{"truth: listener: " + "open " + filepath.Join(c.dir, "heard.f32") + ": no such file or directory"}, c.judge(t, rec))
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, "heard.f32"), make([]byte, 8*listener.Rate), 0o644))
	require.Equal(t, []string{"truth: " + listener.ErrNotPlaced.Error()}, c.judge(t, rec))
}

func TestARecordOfAnotherScenarioIsRefused(t *testing.T) {
	c := newClean(t, 1)
	rec := c.record(t)
	rec.Cycles[0].Fault = "kill-both"
	_, err := Run(c.s, rec, c.dir)
	require.EqualError(t, err, `judge: cycle 1: scenario: fake: "kill-both" is not part of it`)
	rec.Scenario = "other"
	_, err = Run(c.s, rec, c.dir)
	require.EqualError(t, err, `judge: a record of scenario "other", not of "fake"`)
	rec.Scenario, rec.Engine.Rate = "fake", 0
	_, err = Run(c.s, rec, c.dir)
	require.EqualError(t, err, "judge: blocks of 256 frames at 0 Hz")
}

func TestAPointThatNoScenarioArmsIsFound(t *testing.T) {
	all, err := scenario.All()
	require.NoError(t, err)
	known := []record.Point{
		{ID: 1, Name: "publish.half", Target: "worker"}, {ID: 2, Name: "restore.half", Target: "worker"}, {ID: 3, Name: "seal.half", Target: "player"},
	}
	require.Empty(t, uncovered(all, known))
	unknown := record.Point{ID: 4, Name: "dream.half", Target: "worker"}
	require.Equal(t, []record.Point{unknown}, uncovered(all, append(known, unknown)))
}

// checkAny checks a property of judging with clean records of one to three
// cycles. The property may edit the record that it is given.
func checkAny(t *testing.T, property func(*rapid.T, clean, *record.Record)) {
	t.Helper()
	var records []clean
	for n := range 3 {
		records = append(records, newClean(t, n+1))
	}
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(records).Draw(t, "record")
		property(t, c, c.record(t))
	})
}

func TestJudgingIsDeterministicAndLeavesTheRecordAsItIs(t *testing.T) {
	checkAny(t, func(t *rapid.T, c clean, rec *record.Record) {
		for range rapid.IntRange(0, 4).Draw(t, "edits") { // whatever: it is judged all the same
			e := &rec.Events[rapid.IntRange(0, len(rec.Events)-1).Draw(t, "event")]
			e.Kind = rapid.SampledFrom(control.Kinds()).Draw(t, "kind").Name
			e.PID += rapid.IntRange(-2, 2).Draw(t, "pid")
			e.TNS += rapid.Int64Range(-1e6, 1e6).Draw(t, "ns")
			e.Cycle = rapid.IntRange(record.Apart, len(rec.Cycles)).Draw(t, "cycle")
		}
		before := encode(t, rec)
		once, err := Run(c.s, rec, c.dir)
		require.NoError(t, err)
		again, err := Run(c.s, rec, c.dir)
		require.NoError(t, err)
		require.Equal(t, once, again)
		require.Equal(t, before, encode(t, rec))
	})
}

func encode(t require.TestingT, rec *record.Record) []byte {
	var b bytes.Buffer
	require.NoError(t, rec.Encode(&b))
	return b.Bytes()
}

func TestAnUnorderedDeathIsAlwaysFoundAndNothingElse(t *testing.T) {
	checkAny(t, func(t *rapid.T, c clean, rec *record.Record) {
		i := rapid.IntRange(0, len(rec.Events)-1).Draw(t, "before event")
		e := record.Event{Event: control.Event{
			Kind: rapid.SampledFrom([]string{control.WorkerDown, control.WorkerHung, control.PlayerDown}).Draw(t, "kind"),
			TNS:  rec.Events[i].TNS, Slot: rapid.IntRange(-1, 5).Draw(t, "slot"), PID: rapid.IntRange(1000, 1<<22).Draw(t, "pid"),
			Phase: "idle", Cause: "exit status 2",
		}, AtNS: rec.Events[i].AtNS, Cycle: rec.Events[i].Cycle}
		rec.Events = slices.Insert(rec.Events, i, e)
		require.Equal(t, []string{
			fmt.Sprintf("unordered-deaths: %s: pid %d in slot %d, idle: exit status 2", e.Kind, e.PID, e.Slot),
		}, c.judge(t, rec))
	})
}

func TestAnEventThatIsMissingIsAlwaysFound(t *testing.T) {
	checkAny(t, func(t *rapid.T, c clean, rec *record.Record) {
		i := rapid.IntRange(0, len(rec.Events)-1).Filter(func(i int) bool { return rec.Events[i].Cycle > 0 }).Draw(t, "event")
		kind := rec.Events[i].Kind
		rec.Events = slices.Delete(rec.Events, i, i+1)
		require.Contains(t, c.judge(t, rec), "event-errors: "+kind+": 0, must be 1")
	})
}

func TestATimeAfterItsReceiptIsAlwaysFound(t *testing.T) {
	checkAny(t, func(t *rapid.T, c clean, rec *record.Record) {
		e := &rec.Events[rapid.IntRange(0, len(rec.Events)-1).Draw(t, "event")]
		ahead := rapid.Int64Range(1, int64(time.Hour)).Draw(t, "ns ahead")
		e.TNS = e.AtNS + ahead
		require.Contains(t, c.judge(t, rec), fmt.Sprintf("timestamp-errors: %s: its t_ns lies %d ns after its receipt", e.Kind, ahead))
	})
}

func TestATimeBeforeItsFaultIsAlwaysFound(t *testing.T) {
	c := newClean(t, 3)
	rapid.Check(t, func(t *rapid.T) {
		rec := c.record(t)
		i := rapid.IntRange(0, len(rec.Events)-1).Filter(func(i int) bool {
			kind := rec.Events[i].Kind
			return rec.Events[i].Cycle > 0 && (kind == control.WorkerDown || kind == control.WorkerExited || kind == control.RedundancyRestored)
		}).Draw(t, "event")
		early := rapid.Int64Range(1, int64(time.Minute)).Draw(t, "ns early")
		e := &rec.Events[i]
		e.TNS = rec.Cycles[e.Cycle-1].Moment.Before - early
		require.Contains(t, c.judge(t, rec), fmt.Sprintf("timestamp-errors: %s: its t_ns lies %d ns before the fault", e.Kind, early))
	})
}

// The player has no slot, and its death is ordered by a fault that hit it.
func TestAPlayersDeathIsItsOwnFaults(t *testing.T) {
	c := newClean(t, 1)
	rec := c.record(t)
	rec.Cycles[0].Victims[0] = record.Victim{Role: "player", Slot: fault.PlayerSlot, PID: 70}
	found := c.judge(t, rec)
	require.Contains(t, found, "unordered-deaths: worker_down: pid 71 in slot 0, rendering: signal: killed")
}
