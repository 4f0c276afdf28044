package judge

import (
	"fmt"
	"slices"

	"chronus/engine/control"
	"chronus/harness/expect"
	"chronus/harness/floor"
	"chronus/harness/metric"
	"chronus/harness/report"
	"chronus/harness/scenario"
)

// lateness holds to the floor what only a late machine excuses: where threads
// have their priority and a bare sleep was never late, no worker and no
// callback can have been.
func lateness(s *scenario.Scenario, j *metric.Judged) (found []report.Finding) {
	f := j.Record.Floor
	if j.Record.Settled == nil || j.Record.Settled.Player.Sched != "fifo" || !f.Fifo {
		return nil
	}
	check := func(from, to int64, what string) {
		if !slices.ContainsFunc(f.Stalls, func(stall floor.Stall) bool { return stall.Overlaps(from, to) }) {
			found = append(found, report.Finding{
				Assertion: metric.EventErrors, FromNS: from, ToNS: to, Detail: what + ", and the machine was not late",
			})
		}
	}
	for _, o := range outcomes(j) {
		if !s.Saturates() {
			for _, e := range o.Late {
				check(e.EntryNS-j.LeadNS-j.BlockNS, e.ReturnNS,
					fmt.Sprintf("block %d: switched to slot %d from one whose worker lives", e.Block, e.Slot))
			}
		}
		if j.Record.Engine.Sink == scenario.SinkPortAudio {
			continue // a sound server has no priority, and may be late when nothing else is
		}
		for _, e := range o.Counted[control.Xrun] {
			check(e.TNS-e.DurNS, e.TNS, fmt.Sprintf("block %d: the callback was %d ns late", e.Block, e.DurNS))
		}
	}
	return found
}

// outcomes lists all windows from the first cycle on.
func outcomes(j *metric.Judged) (all []*expect.Outcome) {
	for _, c := range j.Cycles {
		all = append(all, c.Outcome)
	}
	if j.Rest != nil {
		all = append(all, j.Rest)
	}
	return all
}
