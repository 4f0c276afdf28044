package gate

import (
	"io"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/harness/floor"
	"chronus/harness/metric"
	"chronus/harness/oracle"
	"chronus/harness/report"
	"chronus/harness/scenario"
)

const (
	block = 5_805_000
	lead  = 3 * block
)

// clean returns n engine processes of a scenario with nothing wrong, with that
// many cycles each.
func clean(n, cycles int) []*report.Run {
	var runs []*report.Run
	for i := range n {
		run := &report.Run{
			Scenario: "planted", Run: i + 1, Engine: report.Engine{Sink: "wav", BlockNS: block, LeadNS: lead, Fifo: true},
		}
		for c := range cycles {
			run.Cycles = append(run.Cycles, report.Cycle{
				Cycle: c + 1, Phase: "rendering",
				Values: map[string]float64{metric.Detect: 200_000, metric.FloorPidfd: 400_000, metric.Promote: 300_000},
			})
		}
		run.Set(metric.LostFrames, 0)
		runs = append(runs, run)
	}
	return runs
}

func planted() *scenario.Scenario {
	return &scenario.Scenario{Name: "planted", Judge: scenario.Judge{
		MinRendering: 30,
		Budget:       map[string]float64{"detect-x-floor": 1, "detect-beyond-block": 0.02, "promote-p50-ns": 500_000},
	}}
}

func decide(s *scenario.Scenario, cycles int, runs []*report.Run, repeat string) report.Result {
	return Decide(Case{Scenario: s, Cycles: cycles, Runs: runs, Repeat: repeat})
}

func names(failures []report.Failure) (n []string) {
	for _, f := range failures {
		n = append(n, f.Assertion)
	}
	return n
}

func TestCleanRunsPass(t *testing.T) {
	r := decide(planted(), 204, clean(6, 34), "again")
	require.Equal(t, report.Pass, r.Verdict)
	require.Empty(t, r.Failures)
	require.Equal(t, "0/204: loss below 1.5 % (95 %)", r.Bound)
	require.Equal(t, 204, r.Phases["rendering"])
}

// A gate that cannot fail is a defect: every metric that has a limit is planted
// once, by value and by a finding.
func TestEveryAssertionCanFail(t *testing.T) {
	tried := 0
	for _, m := range metric.All() {
		if !m.Judged() {
			continue
		}
		tried++
		t.Run(m.Name, func(t *testing.T) {
			runs := clean(6, 34)
			runs[3].Set(m.Name, m.Limit)
			require.Equal(t, report.Pass, decide(planted(), 204, runs, "").Verdict, "at the limit")

			runs[3].Set(m.Name, m.Limit+1)
			r := decide(planted(), 204, runs, "again")
			require.Equal(t, report.Fail, r.Verdict)
			require.Equal(t, []string{m.Name}, names(r.Failures))
			require.Equal(t, "again", r.Failures[0].Repeat)

			runs[3].Set(m.Name, math.NaN())
			require.Equal(t, report.Fail, decide(planted(), 204, runs, "").Verdict, "a NaN")

			runs = clean(6, 34)
			for range int(m.Limit) + 1 {
				runs[5].Find(report.Finding{Assertion: m.Name, Cycle: 7, Detail: "planted"})
				if m.Limit > 1000 {
					return // not counted by findings
				}
			}
			r = decide(planted(), 204, runs, "")
			require.Equal(t, []string{m.Name}, names(r.Failures))
			require.Equal(t, "run 6, cycle 7: planted", r.Failures[0].Detail[0])
		})
	}
	require.Greater(t, tried, 25)
}

// set plants a value in every cycle.
func set(runs []*report.Run, name string, v float64) {
	for _, run := range runs {
		for _, c := range run.Cycles {
			c.Values[name] = v
		}
	}
}

func TestBudgetsAreJudgedOnTheMedianProcess(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(runs []*report.Run)
		want []string
	}{
		{"two slow processes of six", func(r []*report.Run) { set(r[:2], metric.Detect, 1e9) }, nil},
		{"most are slow", func(r []*report.Run) { set(r[:4], metric.Detect, 500_000) }, []string{"detect-x-floor"}},
		{"slow as the floor", func(r []*report.Run) { set(r, metric.Detect, 2*block); set(r, metric.FloorPidfd, 2*block) }, nil},
		{"a few cycles beyond a block", func(r []*report.Run) {
			for _, run := range r {
				set([]*report.Run{{Cycles: run.Cycles[:2]}}, metric.Detect, 2*block)
			}
		}, []string{"detect-beyond-block"}},
		{"slow spares", func(r []*report.Run) { set(r, metric.Promote, 600_000) }, []string{"promote-p50-ns"}},
		{"slow spares at normal priority", func(r []*report.Run) {
			set(r, metric.Promote, 600_000)
			for _, run := range r {
				run.Engine.Fifo = false
			}
		}, nil},
		{"nothing measured", func(r []*report.Run) {
			for _, run := range r {
				for _, c := range run.Cycles {
					delete(c.Values, metric.Promote)
				}
			}
		}, []string{"promote-p50-ns"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			runs := clean(6, 34)
			tc.do(runs)
			require.Equal(t, tc.want, names(decide(planted(), 204, runs, "").Failures))
		})
	}
}

func TestCommandsMayTakeTheLeadOneBlockAndTheBudget(t *testing.T) {
	s := &scenario.Scenario{Name: "planted", Judge: scenario.Judge{Budget: map[string]float64{"command-past-lead-ns": 1_000_000}}}
	judge := func(ns float64, fifo bool) []string {
		runs := clean(6, 34)
		for _, run := range runs {
			run.Engine.Fifo = fifo
			run.Series = map[string][]float64{metric.Command: {lead, lead + block/2, ns}}
		}
		return names(decide(s, 204, runs, "").Failures)
	}
	require.Empty(t, judge(lead+block+1_000_000, true))
	require.Equal(t, []string{"command-past-lead-ns"}, judge(lead+block+1_000_001, true))
	require.Empty(t, judge(lead+2*block, false), "times do not travel")
	require.Equal(t, []string{"command-past-lead-ns"}, names(decide(s, 204, clean(6, 34), "").Failures), "no command was heard")
}

func TestWhatStartsAProcessIsHeldToTheFloorsExec(t *testing.T) {
	s := &scenario.Scenario{Name: "planted", Judge: scenario.Judge{Budget: map[string]float64{"mend-x-floor": 10}}}
	runs := clean(6, 34)
	set(runs, metric.Mend, 20_000_000)
	set(runs, metric.FloorExec, 2_000_000)
	require.Empty(t, decide(s, 204, runs, "").Failures)
	set(runs, metric.FloorExec, 1_900_000)
	require.Equal(t, []string{"mend-x-floor"}, names(decide(s, 204, runs, "").Failures))
}

// A limit that a scenario sets itself is about what it is there to measure.
func TestAScenariosOwnLimitIsHeldToAndMustBeMeasured(t *testing.T) {
	s := &scenario.Scenario{Name: "planted", Judge: scenario.Judge{Limit: map[string]float64{metric.Drift: 1}}}
	for _, tc := range []struct {
		ppm    float64
		detail []string
	}{{1, nil}, {1.5, []string{"run 3: 1.5"}}, {math.NaN(), []string{"run 3: not measured"}}} {
		runs := clean(3, 34)
		for _, run := range runs {
			run.Set(metric.Drift, 0.5)
		}
		delete(runs[2].Values, metric.Drift)
		if !math.IsNaN(tc.ppm) {
			runs[2].Set(metric.Drift, tc.ppm)
		}
		r := decide(s, 102, runs, "")
		if tc.detail == nil {
			require.Empty(t, r.Failures)
			continue
		}
		require.Equal(t, []string{metric.Drift}, names(r.Failures))
		require.Equal(t, tc.detail, r.Failures[0].Detail)
		require.Equal(t, 1.0, r.Failures[0].Limit)
		require.Equal(t, 1.0, r.Allowed[metric.Drift])
	}
}

// lose plants lost frames at a time, in the first process.
func lose(runs []*report.Run, from int64) {
	runs[0].Set(metric.LostFrames, 512)
	runs[0].Find(report.Finding{Assertion: metric.LostFrames, Cycle: 3, Detail: "block 70", FromNS: from, ToNS: from + lead})
}

func TestOnlyAStallLongerThanTheLeadExcusesLostFrames(t *testing.T) {
	const at = 1_000_000_000
	for _, tc := range []struct {
		name  string
		stall floor.Stall
		want  report.Verdict
	}{
		{"long, at the same time", floor.Stall{DueNS: at, WokeNS: at + 2*lead}, report.InvalidHost},
		{"too short", floor.Stall{DueNS: at, WokeNS: at + lead}, report.Fail},
		{"at another time", floor.Stall{DueNS: at + 5*lead, WokeNS: at + 9*lead}, report.Fail},
	} {
		t.Run(tc.name, func(t *testing.T) {
			runs := clean(6, 34)
			lose(runs, at)
			runs[0].Floor.Stalls = []floor.Stall{tc.stall}
			r := decide(planted(), 204, runs, "")
			require.Equal(t, tc.want, r.Verdict)
			require.Equal(t, []string{metric.LostFrames}, names(r.Failures))
			require.Equal(t, "1/204", r.Bound)
		})
	}
}

func TestAStallExcusesNothingElse(t *testing.T) {
	const at = 1_000_000_000
	stall := []floor.Stall{{DueNS: at, WokeNS: at + 2*lead}}
	for name, plant := range map[string]func(runs []*report.Run){
		"wrong frames":           func(runs []*report.Run) { lose(runs, at); runs[0].Set(oracle.WrongFrames, 1) },
		"a loss at another time": func(runs []*report.Run) { lose(runs, at); lose(runs, at+9*lead) },
		"a loss in another run":  func(runs []*report.Run) { lose(runs, at); lose(runs[1:], at) },
		"nothing lost, events odd": func(runs []*report.Run) {
			runs[0].Find(report.Finding{Assertion: metric.EventErrors, FromNS: at, ToNS: at})
		},
		"an unordered death": func(runs []*report.Run) {
			lose(runs, at)
			runs[0].Find(report.Finding{Assertion: metric.UnorderedDeaths, Detail: "no time"})
		},
		"a budget": func(runs []*report.Run) {
			lose(runs, at)
			for _, run := range runs {
				for _, c := range run.Cycles {
					c.Values[metric.Detect] = 1e6
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			runs := clean(6, 34)
			plant(runs)
			runs[0].Floor.Stalls = stall
			require.Equal(t, report.Fail, decide(planted(), 204, runs, "").Verdict)
		})
	}
	runs := clean(6, 34)
	lose(runs, at)
	runs[0].Find(report.Finding{Assertion: metric.EventErrors, FromNS: at, ToNS: at + lead, Detail: "frames_lost"})
	runs[0].Floor.Stalls = stall
	require.Equal(t, report.InvalidHost, decide(planted(), 204, runs, "").Verdict, "what goes with the loss")
}

func TestTheControlExperimentMustLose(t *testing.T) {
	s := planted()
	s.Judge.MustLose = true
	runs := clean(2, 2)
	r := decide(s, 4, runs, "")
	require.Equal(t, []string{MustLose}, names(r.Failures))
	for _, run := range runs {
		run.Set(metric.LostFrames, 5120)
	}
	require.Equal(t, report.NoVerdict, decide(s, 4, runs, "").Verdict, "30 kills while rendering are not to be had of 4")
	s.Judge.MinRendering = 4
	require.Equal(t, report.Pass, decide(s, 4, runs, "").Verdict)
}

func TestAllowancesGrowWithTheFaults(t *testing.T) {
	s := planted()
	s.Judge.Allow = map[string]float64{metric.LostFrames: 256}
	runs := clean(6, 34)
	runs[2].Set(metric.LostFrames, 34*256)
	r := decide(s, 204, runs, "")
	require.Equal(t, report.Pass, r.Verdict)
	require.Equal(t, map[string]float64{metric.LostFrames: 34 * 256}, r.Allowed)
	runs[2].Set(metric.LostFrames, 34*256+1)
	require.Equal(t, report.Fail, decide(s, 204, runs, "").Verdict)
}

func TestTooFewKillsWhileRenderingAreNoVerdict(t *testing.T) {
	runs := clean(6, 34)
	for _, run := range runs {
		for i := range run.Cycles {
			if i%7 > 0 {
				run.Cycles[i].Phase = "idle"
			}
		}
	}
	r := decide(planted(), 240, runs, "")
	require.Equal(t, report.Pass, r.Verdict, "30 of 204, 25 are needed of 204 of 240")
	require.True(t, Enough(planted(), 204, runs))
	require.True(t, Enough(planted(), 240, runs[:5]), "25 of 170, 21 are needed of 170 of 240")
	s := planted()
	s.Judge.MinRendering = 40
	r = decide(s, 204, runs, "")
	require.Equal(t, report.NoVerdict, r.Verdict)
	require.Equal(t, "min-rendering: 30 victims were hit while they rendered, 40 are needed", r.Why)
	require.False(t, Enough(s, 204, runs))
	require.True(t, Enough(s, 204, append(runs, runs[:2]...)), "40 of 272")
	require.Equal(t, 1, r.Verdict.ExitCode())

	require.Equal(t, report.NoVerdict, decide(planted(), 204, clean(6, 0), "").Verdict, "nothing done")
	require.Equal(t, report.NoVerdict, decide(planted(), 204, nil, "").Verdict)
}

func TestSum(t *testing.T) {
	result := func(v report.Verdict) report.Result { return report.Result{Verdict: v} }
	for _, tc := range []struct {
		verdicts []report.Verdict
		want     report.Verdict
		exit     int
	}{
		{nil, report.NoVerdict, 1},
		{[]report.Verdict{report.Pass, report.Pass}, report.Pass, 0},
		{[]report.Verdict{report.Pass, report.InvalidHost}, report.InvalidHost, 3},
		{[]report.Verdict{report.InvalidHost, report.NoVerdict, report.Pass}, report.NoVerdict, 1},
		{[]report.Verdict{report.InvalidHost, report.Fail, report.NoVerdict}, report.Fail, 1},
		{[]report.Verdict{report.Pass, report.NotRun}, report.Pass, 0},
		{[]report.Verdict{report.NotRun, report.NotRun}, report.NoVerdict, 1},
		{[]report.Verdict{report.InvalidHost, report.NotRun}, report.InvalidHost, 3},
	} {
		var results []report.Result
		for _, v := range tc.verdicts {
			results = append(results, result(v))
		}
		got, _ := Sum(results, false)
		require.Equal(t, tc.want, got)
		require.Equal(t, tc.exit, got.ExitCode())
	}
}

func TestWhatIsRequiredAndNotRunFails(t *testing.T) {
	omitted := report.Omitted("loud", "no device", "again")
	v, failures := Sum([]report.Result{{Verdict: report.Pass}, omitted}, true)
	require.Equal(t, report.Fail, v)
	require.Equal(t, []string{RequireAll}, names(failures))
	require.Equal(t, []string{"not run: no device"}, failures[0].Detail)
	v, failures = Sum([]report.Result{{Verdict: report.Pass}}, true)
	require.Equal(t, report.Pass, v)
	require.Empty(t, failures)
}

// verdict.json has all that a CI asks for, and must be writable: JSON cannot
// hold NaN.
func TestAResultSaysWhatFailedAndIsWritable(t *testing.T) {
	runs := clean(6, 34)
	runs[3].Set(metric.LostFrames, math.NaN())
	r := decide(planted(), 204, runs, "again")
	require.Equal(t, "lost-frames is 1, at most 0", r.Failed)
	require.Equal(t, "again", r.Repeat)
	require.Equal(t, report.Figure{Median: 200_000, Min: 200_000, Max: 200_000, N: 6}, r.Figures["detect-p50-ns"])
	require.Contains(t, r.Budgets, report.Held{Budget: "detect-x-floor", Value: 0.5, Limit: 1})
	require.NoError(t, report.WriteJSON(io.Discard, r))
}
