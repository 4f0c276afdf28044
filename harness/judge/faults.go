package judge

import (
	"slices"

	"chronus/harness/expect"
	"chronus/harness/metric"
	"chronus/harness/record"
	"chronus/harness/report"
	"chronus/harness/scenario"
)

// faults holds the events of every window to what is expected of it: while the
// engine starts, that no process dies; of each fault, what the scenario lists;
// after the last, nothing.
func faults(s *scenario.Scenario, j *metric.Judged) []report.Finding {
	starting := s.Rule().Of(nil, record.Moment{}, window(j.Record, record.Starting))
	found := in(0, "", starting.Deaths())
	for _, c := range j.Cycles {
		found = append(found, in(c.Fact.Cycle, pointOf(c.Fact), c.Outcome.Findings())...)
	}
	if j.Rest != nil {
		found = append(found, in(0, "after the last cycle: ", j.Rest.Findings())...)
	}
	return found
}

// pointOf is the prefix that names a crash's failpoint.
func pointOf(c *record.Cycle) string {
	if c.Point == "" {
		return ""
	}
	return c.Point + ": "
}

// ofLog holds all events to what must be true of any of them.
func ofLog(rec *record.Record) []report.Finding { return in(0, "", expect.Log(rec.Events)) }

// excuse takes back the deaths for which the kernel's lack of memory is to
// blame.
func excuse(rec *record.Record, found []report.Finding) []report.Finding {
	if rec.OOMKills <= 0 {
		return found
	}
	return slices.DeleteFunc(found, func(f report.Finding) bool { return f.Assertion == metric.UnorderedDeaths })
}
