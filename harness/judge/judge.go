// Package judge turns the record of an engine process, and the files that
// belong to it, into figures and findings. Judging is a pure function: the same
// record gives the same result, on any machine and at any time, and is not
// modified. It must not play, and it gives no verdict: what is allowed is up to
// package gate.
package judge

import (
	"fmt"
	"slices"

	"chronus/harness/expect"
	"chronus/harness/metric"
	"chronus/harness/record"
	"chronus/harness/report"
	"chronus/harness/scenario"
	"chronus/harness/schedule"
)

// Run judges the record of one engine process of a scenario. dir is the folder
// with the record's files. It returns an error if the record does not belong to
// the scenario.
func Run(s *scenario.Scenario, rec *record.Record, dir string) (*report.Run, error) {
	j, err := observe(s, rec)
	if err != nil {
		return nil, err
	}
	found := slices.Concat(troubles(rec), points(s, rec), leftovers(rec), faults(s, j), ofLog(rec))
	found = append(found, lateness(s, j)...)
	truth, wrong := truths(rec, dir)
	j.Truth, found = truth, append(found, wrong...)
	if truth != nil {
		found = append(found, losses(j)...)
		found = append(found, statuses(j)...)
		heard, wrong := sounds(rec, dir)
		j.Heard, found = heard, append(found, wrong...)
	}
	run := figures(j)
	for _, f := range excuse(rec, found) {
		run.Find(f)
	}
	return run, nil
}

// observe sorts a record's events by what each fault has caused.
func observe(s *scenario.Scenario, rec *record.Record) (*metric.Judged, error) {
	if rec.Scenario != s.Name {
		return nil, fmt.Errorf("judge: a record of scenario %q, not of %q", rec.Scenario, s.Name)
	}
	if rec.Engine.Frames <= 0 || rec.Engine.Rate <= 0 {
		return nil, fmt.Errorf("judge: blocks of %d frames at %d Hz", rec.Engine.Frames, rec.Engine.Rate)
	}
	j := &metric.Judged{Record: rec, BlockNS: int64(schedule.Block(rec.Engine.Frames, rec.Engine.Rate))}
	if rec.Settled != nil {
		j.LeadNS = int64(rec.Settled.Lead) * j.BlockNS
	}
	for i := range rec.Cycles {
		c := &rec.Cycles[i]
		part, err := s.Part(c.Fault)
		if err != nil {
			return nil, fmt.Errorf("judge: cycle %d: %w", c.Cycle, err)
		}
		j.Cycles = append(j.Cycles, metric.Cycle{
			Fact: c, Outcome: part.Rule().Of(c.Victims, c.Moment, window(rec, c.Cycle)),
		})
	}
	if rec.Last != nil {
		j.Rest = s.Rule().Of(nil, record.Moment{}, window(rec, record.Resting))
	}
	return j, nil
}

// window returns the events of a cycle.
func window(rec *record.Record, cycle int) (events []record.Event) {
	for _, e := range rec.Events {
		if e.Cycle == cycle {
			events = append(events, e)
		}
	}
	return events
}

// finding returns a finding about the process as a whole, without a time.
func finding(assertion, format string, args ...any) report.Finding {
	return report.Finding{Assertion: assertion, Detail: fmt.Sprintf(format, args...)}
}

// in turns findings about events into findings of a cycle; prefix is put before
// each detail.
func in(cycle int, prefix string, found []expect.Finding) (all []report.Finding) {
	for _, f := range found {
		all = append(all, report.Finding{
			Assertion: f.Assertion, Cycle: cycle, Detail: prefix + f.Detail, FromNS: f.FromNS, ToNS: f.ToNS,
		})
	}
	return all
}

// figures takes every metric.
func figures(j *metric.Judged) *report.Run {
	rec := j.Record
	run := &report.Run{
		Scenario: rec.Scenario, Run: rec.Run, Floor: rec.Floor,
		Engine: report.Engine{
			Sink: rec.Engine.Sink, Frames: rec.Engine.Frames, Rate: rec.Engine.Rate,
			BlockNS: j.BlockNS, LeadNS: j.LeadNS, Fifo: rec.Settled != nil && rec.Settled.Player.Sched == "fifo",
		},
		Series: map[string][]float64{},
	}
	for i := range j.Cycles {
		c := &j.Cycles[i]
		if !c.Fact.Whole {
			continue
		}
		cycle := report.Cycle{
			Cycle: c.Fact.Cycle, Point: c.Fact.Point, Fault: c.Fact.Fault, Phase: c.Outcome.Phase(),
			DueNS: c.Fact.DueNS, KillNS: c.Fact.Moment.Before, Values: map[string]float64{},
		}
		for _, m := range metric.All() {
			if m.Sample == nil {
				continue
			}
			if v, ok := m.Sample(j, c); ok {
				cycle.Values[m.Name] = v
			}
		}
		run.Cycles = append(run.Cycles, cycle)
	}
	for _, m := range metric.All() {
		if m.Series != nil {
			run.Series[m.Name] = m.Series(j)
		}
		if m.Value == nil {
			continue
		}
		if v, ok := m.Value(j); ok {
			run.Set(m.Name, v)
		}
	}
	return run
}
