package judge

import (
	"fmt"
	"path/filepath"

	"chronus/engine/tape"
	"chronus/harness/metric"
	"chronus/harness/oracle"
	"chronus/harness/record"
	"chronus/harness/report"
	"chronus/harness/scenario"
	"chronus/harness/target"
)

// truths holds what an engine delivered to the truth. The result is nil if the
// truth cannot be established, and a finding says why.
func truths(rec *record.Record, dir string) (*oracle.Result, []report.Finding) {
	if rec.Settled == nil {
		return nil, []report.Finding{finding(metric.Truth, "the engine did not come to play")}
	}
	left := oracle.Run{Tape: filepath.Join(dir, named(rec.Files.Tape, target.TapeFile))}
	if rec.Engine.Sink == scenario.SinkWAV {
		left.WAV = filepath.Join(dir, named(rec.Files.Sound, target.WAVFile))
	}
	for _, s := range rec.Sent {
		left.Sent = append(left.Sent, oracle.Sent(s))
	}
	res, err := oracle.Check(left)
	if err != nil {
		return nil, []report.Finding{finding(metric.Truth, "%v", err)}
	}
	var found []report.Finding
	for _, a := range res.Assertions {
		if a.Failed() && a.Name != oracle.LostFrames { // see losses
			found = append(found, finding(a.Name, "%s", a.First))
		}
	}
	return res, found
}

// named returns the name of a file as the record has it, or else the name that
// the engine was started with: the error of opening it then shows what is
// missing.
func named(name, wanted string) string {
	if name == "" {
		return wanted
	}
	return name
}

// losses adds a finding for each run of lost blocks, with its time: from when
// the first of them was sealed.
func losses(j *metric.Judged) (found []report.Finding) {
	var first, last *oracle.Delivered
	end := func() {
		if first == nil {
			return
		}
		found = append(found, report.Finding{
			Assertion: metric.LostFrames, Cycle: cycleAt(j, first.EntryNS),
			Detail: fmt.Sprintf("blocks %d to %d", first.Block, last.Block),
			FromNS: first.EntryNS - j.LeadNS, ToNS: last.ReturnNS,
		})
		first = nil
	}
	for i := range j.Truth.Index {
		d := &j.Truth.Index[i]
		if d.Flags&tape.FlagLost == 0 {
			end()
			continue
		}
		if first == nil {
			first = d
		}
		last = d
	}
	end()
	return found
}

// cycleAt returns the cycle whose fault came last before a time; 0: none.
func cycleAt(j *metric.Judged, ns int64) int {
	n := 0
	for _, c := range j.Cycles {
		if c.Fact.Whole && c.Fact.Moment.Before <= ns {
			n = c.Fact.Cycle
		}
	}
	return n
}
