// Package gate holds what was measured to what is allowed and gives the
// verdict: pass, fail, invalid host, no verdict. It applies limits and budgets;
// it must not measure, retry or loosen anything.
package gate

import (
	"fmt"
	"math"
	"slices"

	"chronus/harness/metric"
	"chronus/harness/report"
	"chronus/harness/scenario"
)

// Assertions about a scenario as a whole. All others are the metrics that have
// a limit, and a scenario's budgets.
const (
	// MustLose fails when a control experiment lost no frame: then no assertion
	// about lost frames means anything.
	MustLose = "must-lose"
	// MinRendering gives no verdict when too few victims were hit while they
	// rendered.
	MinRendering = "min-rendering"
	// RequireAll fails when a scenario was not run and all are required.
	RequireAll = "require-all"
)

// maxDetail is how many lines a failure shows; verdict.json has how many there
// were.
const maxDetail = 8

// Case is a scenario that was played and judged, ready for its verdict.
type Case struct {
	Scenario *scenario.Scenario
	Cycles   int // that the scenario has in a full run of its profile, all processes together
	Runs     []*report.Run
	Kept     map[int]string // folders of the runs whose files were kept, by number of run
	Repeat   string         // the command that repeats the scenario
	Seconds  float64        // that it took to play and judge
	Reached  string         // how far it came, if its time was up
}

// Decide gives the verdict on the engine processes of a scenario.
func Decide(c Case) report.Result {
	s, runs := c.Scenario, c.Runs
	r := report.Result{
		Scenario: s.Name, Verdict: report.Pass, Repeat: c.Repeat, Runs: len(runs), Phases: map[string]int{},
		Figures: report.Figures(runs), Processes: runs, Seconds: c.Seconds, Reached: c.Reached,
	}
	for _, run := range runs {
		r.BlockNS = run.Engine.BlockNS
		r.Cycles += len(run.Cycles)
		for _, cycle := range run.Cycles {
			if cycle.Phase != "" {
				r.Phases[cycle.Phase]++
			}
		}
	}
	if c.Seconds > 0 {
		r.PerSecond = float64(r.Cycles) / c.Seconds
	}
	r.Allowed = allowed(s, runs)
	r.Bound = report.Bound(lossy(runs), r.Cycles)

	failures := limits(s, runs, c.Kept)
	held, broke := budgets(s, runs)
	r.Budgets = held
	failures = append(failures, broke...)
	if s.Judge.MustLose {
		failures = append(failures, mustLose(runs)...)
	}
	for i := range failures {
		failures[i].Scenario, failures[i].Repeat = s.Name, c.Repeat
	}
	r.Failures = failures
	if len(failures) > 0 {
		r.Failed = failures[0].String()
	}
	switch {
	case len(failures) > 0 && hostsFault(s, runs, failures):
		r.Verdict = report.InvalidHost
		r.Why = "frames were lost while the machine itself stood still for longer than the lead"
	case len(failures) > 0:
		r.Verdict = report.Fail
	case r.Cycles == 0:
		r.Verdict, r.Why = report.NoVerdict, "no cycle was completed"
	default:
		if have, need := r.Phases["rendering"], rendering(s, r.Cycles, c.Cycles); have < need {
			r.Verdict = report.NoVerdict
			r.Why = fmt.Sprintf("%s: %d victims were hit while they rendered, %d are needed", MinRendering, have, need)
		}
	}
	return r
}

// rendering returns how many victims must have been hit while they rendered. A
// shortened run is judged on what it has.
func rendering(s *scenario.Scenario, cycles, full int) int {
	return s.Judge.MinRendering * min(cycles, full) / max(full, 1)
}

// Enough reports whether as many victims were hit while they rendered as a
// verdict needs. What they are doing when the fault comes is chance, and on a
// machine that renders faster more faults are needed.
func Enough(s *scenario.Scenario, cycles int, runs []*report.Run) bool {
	have, all := 0, 0
	for _, run := range runs {
		all += len(run.Cycles)
		for _, c := range run.Cycles {
			if c.Phase == "rendering" {
				have++
			}
		}
	}
	return have >= rendering(s, all, cycles)
}

// Sum gives the verdict on all scenarios together, and lists all failures. With
// all, a scenario that was not run fails it; otherwise it is enough that one
// was run.
func Sum(results []report.Result, all bool) (v report.Verdict, failures []report.Failure) {
	v = report.NotRun
	for _, r := range results {
		v = v.Worse(r.Verdict)
		failures = append(failures, r.Failures...)
		if all && r.Verdict == report.NotRun {
			v = report.Fail
			failures = append(failures, report.Failure{
				Scenario: r.Scenario, Assertion: RequireAll, Count: 1, Detail: []string{"not run: " + r.Why}, Repeat: r.Repeat,
			})
		}
	}
	if v == report.NotRun {
		v = report.NoVerdict
	}
	return v, failures
}

// allowance returns the most that an engine process may have of a metric after
// that many faults.
func allowance(s *scenario.Scenario, m metric.Metric, faults int) float64 {
	limit, ok := s.Judge.Limit[m.Name]
	if !ok {
		limit = m.Limit
	}
	return limit + s.Judge.Allow[m.Name]*float64(faults)
}

// allowed returns the allowances of a scenario that differ from the limits that
// hold for all.
func allowed(s *scenario.Scenario, runs []*report.Run) map[string]float64 {
	all := map[string]float64{}
	faults := 0
	for _, run := range runs {
		faults = max(faults, len(run.Cycles))
	}
	for _, by := range []map[string]float64{s.Judge.Allow, s.Judge.Limit} {
		for name := range by {
			m, _ := metric.Lookup(name) // the loader has checked it
			all[name] = allowance(s, m, faults)
		}
	}
	if s.Judge.MustLose {
		all[metric.LostFrames] = math.MaxFloat64
	}
	return all
}

// within reports whether a value is allowed.
func within(s *scenario.Scenario, m metric.Metric, v float64, faults int) bool {
	if s.Judge.MustLose && m.Name == metric.LostFrames {
		return true
	}
	return !m.Judged() || v <= allowance(s, m, faults) // false for a NaN
}

// broken reports whether an engine process is over the limit of a metric, or
// lacks a metric that the scenario itself limits.
func broken(s *scenario.Scenario, m metric.Metric, run *report.Run) bool {
	v, measured := run.Value(m.Name)
	_, set := s.Judge.Limit[m.Name]
	return !within(s, m, v, len(run.Cycles)) || set && !measured
}

// Clean reports whether an engine process is within every limit.
func Clean(s *scenario.Scenario, run *report.Run) bool {
	return !slices.ContainsFunc(metric.All(), func(m metric.Metric) bool { return broken(s, m, run) })
}

// limits judges every metric that has a limit, on its maximum: a process that
// lost no frame does not make up for one that did.
func limits(s *scenario.Scenario, runs []*report.Run, kept map[int]string) []report.Failure {
	var failures []report.Failure
	for _, m := range metric.All() {
		f := report.Failure{Assertion: m.Name, Limit: m.Limit}
		for _, run := range runs {
			if !broken(s, m, run) {
				continue
			}
			v, measured := run.Value(m.Name)
			if !measured {
				f.Limit = allowance(s, m, len(run.Cycles))
				f.Detail = append(f.Detail, fmt.Sprintf("run %d: not measured", run.Run))
				continue
			}
			f.Count = finite(f.Count + finite(v))
			f.Limit = allowance(s, m, len(run.Cycles))
			f.Detail = append(f.Detail, detail(run, m.Name, v)...)
			if dir := kept[run.Run]; dir != "" {
				f.Kept = append(f.Kept, dir)
			}
		}
		if len(f.Detail) > maxDetail {
			more := fmt.Sprintf("and %d more", len(f.Detail)-maxDetail)
			f.Detail = append(slices.Clip(f.Detail[:maxDetail]), more)
		}
		if f.Detail != nil {
			failures = append(failures, f)
		}
	}
	return failures
}

// finite returns v as JSON can hold it: NaN counts as one.
func finite(v float64) float64 {
	if math.IsNaN(v) {
		return 1
	}
	return min(v, math.MaxFloat64)
}

func detail(run *report.Run, assertion string, v float64) []string {
	var lines []string
	for _, f := range run.Findings {
		if f.Assertion == assertion {
			where := fmt.Sprintf("run %d", f.Run)
			if f.Cycle > 0 {
				where += fmt.Sprintf(", cycle %d", f.Cycle)
			}
			lines = append(lines, where+": "+f.Detail)
		}
	}
	if lines == nil {
		lines = []string{fmt.Sprintf("run %d: %v", run.Run, v)}
	}
	return lines
}

func mustLose(runs []*report.Run) []report.Failure {
	f := report.Failure{Assertion: MustLose}
	for _, run := range runs {
		if v, _ := run.Value(metric.LostFrames); v == 0 {
			f.Count++
			f.Detail = append(f.Detail, fmt.Sprintf("run %d: no frame was lost", run.Run))
		}
	}
	if f.Count == 0 {
		return nil
	}
	return []report.Failure{f}
}

// hostsFault reports whether the machine is to blame for all that failed. It is
// only if frames were lost, and if a bare sleep of the floor was late by more
// than the lead at the time of each finding. A finding without a time has no
// excuse.
func hostsFault(s *scenario.Scenario, runs []*report.Run, failures []report.Failure) bool {
	lost := false
	for _, f := range failures {
		m, ok := metric.Lookup(f.Assertion)
		if !ok || !m.Judged() {
			return false // a budget or must-lose
		}
		lost = lost || m.Name == metric.LostFrames
		for _, run := range runs {
			if broken(s, m, run) && !excused(run, m.Name) {
				return false
			}
		}
	}
	return lost
}

func excused(run *report.Run, assertion string) bool {
	found := false
	for _, f := range run.Findings {
		if f.Assertion != assertion {
			continue
		}
		found = true
		if f.FromNS == 0 || !stalled(run, f.FromNS, f.ToNS) {
			return false
		}
	}
	return found
}

func stalled(run *report.Run, from, to int64) bool {
	for _, stall := range run.Floor.Stalls {
		if int64(stall.Duration()) > run.Engine.LeadNS && stall.Overlaps(from, to) {
			return true
		}
	}
	return false
}

// lossy returns the number of cycles in which frames were lost.
func lossy(runs []*report.Run) int {
	n := 0
	for _, run := range runs {
		cycles := map[int]bool{}
		for _, f := range run.Findings {
			if f.Assertion == metric.LostFrames {
				cycles[f.Cycle] = true
			}
		}
		n += len(cycles)
	}
	return n
}
