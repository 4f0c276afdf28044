package judge

import (
	"chronus/harness/fault"
	"chronus/harness/metric"
	"chronus/harness/record"
	"chronus/harness/report"
	"chronus/harness/scenario"
)

// troubles turns what went wrong while playing into findings.
func troubles(rec *record.Record) (found []report.Finding) {
	for _, t := range rec.Troubles {
		f := report.Finding{Assertion: metric.EngineErrors, Cycle: t.Cycle, Detail: t.Text}
		switch t.Stage {
		case record.StagePoint:
			f.Assertion = metric.MissedPoints
		case record.StageListener:
			f.Assertion = metric.Truth
		case record.StageSettle:
			f.Detail = "after its start: " + t.Text
		case record.StageMend:
			f.Detail = "not mended: " + t.Text
		}
		for i := range rec.Cycles {
			if c := &rec.Cycles[i]; c.Cycle == t.Cycle && t.Stage != record.StageRead {
				f.Detail = pointOf(c) + f.Detail
			}
		}
		found = append(found, f)
	}
	return found
}

// points finds the failpoints that were planned and not armed, and those of the
// build that no scenario arms. The build is the same for all engine processes,
// so the first one's record is enough.
func points(s *scenario.Scenario, rec *record.Record) (found []report.Finding) {
	for _, name := range rec.Unarmed {
		found = append(found, finding(metric.MissedPoints, "%s: not armed, the engine was not whole", name))
	}
	if !s.Crashes() || rec.Run != 1 {
		return found
	}
	all, err := scenario.All()
	if err != nil {
		return append(found, finding(metric.MissedPoints, "which failpoints there are: %v", err))
	}
	for _, p := range uncovered(all, rec.Points) {
		found = append(found, finding(metric.MissedPoints, "%s: no scenario arms it", p.Name))
	}
	return found
}

// uncovered lists the points that no scenario arms.
func uncovered(all []*scenario.Scenario, points []record.Point) (left []record.Point) {
	known := make([]fault.Point, len(points))
	for i, p := range points {
		known[i] = fault.Point(p)
	}
	armed := map[int]bool{}
	for _, s := range all {
		if s.Crashes() {
			for _, p := range s.Spec().Select(known) {
				armed[p.ID] = true
			}
		}
	}
	for _, p := range points {
		if !armed[p.ID] {
			left = append(left, p)
		}
	}
	return left
}

// leftovers finds what an ended engine left behind.
func leftovers(rec *record.Record) (found []report.Finding) {
	for _, l := range rec.Leftovers {
		found = append(found, finding(metric.Leftovers, "%s", l))
	}
	return found
}
