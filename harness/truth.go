package harness

import (
	"fmt"
	"slices"

	"chronus/engine/control"
	"chronus/engine/tape"
	"chronus/harness/fault"
	"chronus/harness/floor"
	"chronus/harness/oracle"
	"chronus/harness/report"
)

// judge holds what an engine left behind to the truth. It runs when no engine plays.
func (s *session) judge() {
	s.run.Findings = append(s.run.Findings, s.log.findings...)
	for i := range s.run.Findings {
		s.run.Findings[i].Run = s.run.Run
	}
	s.leaks.set(s.run)
	s.garbage.set(s.run)
	if mend, exec := s.run.Samples(report.Mend), s.run.Samples(report.FloorExec); len(mend) > 0 && len(exec) > 0 {
		s.run.Set(report.MendRatio, report.Quantile(mend, 0.5)/report.Quantile(exec, 0.5))
	}
	s.judgeFloor()
	if !s.started {
		s.find(report.Truth, "the engine did not come to play")
		return
	}
	res, err := oracle.Check(oracle.Run{Tape: s.target.Tape(), WAV: s.target.WAV(), Sent: s.sent})
	if err != nil {
		s.find(report.Truth, "%v", err)
		return
	}
	for _, a := range res.Assertions {
		s.run.Set(a.Name, float64(a.Count))
		if a.Failed() && a.Name != oracle.LostFrames {
			s.find(a.Name, "%s", a.First)
		}
	}
	s.lost(res)
	for _, ns := range res.CommandNS {
		if ns >= 0 {
			s.run.Commands = append(s.run.Commands, float64(ns))
		}
	}
	s.ends(res)
	s.failovers(res)
	pace(s.run, res)
	s.judgeStatus(res)
	s.judgeSound()
}

// ends takes how long the engine took to play and to end.
func (s *session) ends(res *oracle.Result) {
	if len(res.Index) > 0 {
		s.run.Set(report.Start, float64(res.Index[0].EntryNS-s.target.ExecNS()))
	}
	if ns := s.target.StopNS(); ns > 0 {
		s.run.Set(report.Stop, float64(ns))
	}
}

// judgeFloor takes the floor's figures, and holds to them what only a late machine excuses: where threads have their priority
// and a bare sleep was never late, no worker and no callback can have been.
func (s *session) judgeFloor() {
	f := &s.run.Floor
	if f.Ticks > 0 {
		s.run.Set(report.FloorLateP99, float64(f.P99NS)/1e9)
		s.run.Set(report.FloorLateMax, float64(f.MaxNS)/1e9)
	}
	if !s.run.Engine.Fifo || !f.Fifo {
		return
	}
	for _, l := range s.late {
		if !slices.ContainsFunc(f.Stalls, func(stall floor.Stall) bool { return stall.Overlaps(l.from, l.to) }) {
			s.run.Find(report.Finding{
				Assertion: report.EventErrors, FromNS: l.from, ToNS: l.to, Detail: l.what + ", and the machine was not late",
			})
		}
	}
}

// lost adds a finding for each run of lost blocks, with its time: from when the first of them was sealed.
func (s *session) lost(res *oracle.Result) {
	var first, last *oracle.Delivered
	end := func() {
		if first == nil {
			return
		}
		s.run.Find(report.Finding{
			Assertion: report.LostFrames, Cycle: s.cycleAt(first.EntryNS),
			Detail: fmt.Sprintf("blocks %d to %d", first.Block, last.Block),
			FromNS: first.EntryNS - s.run.Engine.LeadNS, ToNS: last.ReturnNS,
		})
		first = nil
	}
	for i := range res.Index {
		d := &res.Index[i]
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
}

// cycleAt is the cycle whose fault came last before a time, 0 for none.
func (s *session) cycleAt(ns int64) int {
	n := 0
	for _, c := range s.run.Cycles {
		if c.KillNS <= ns {
			n = c.Cycle
		}
	}
	return n
}

// failovers takes from the tape how long after each fault that hit the primary somebody else was heard.
func (s *session) failovers(res *oracle.Result) {
	for _, f := range s.faults {
		if !f.moment.Exact || !hitsPrimary(f.victims) {
			continue
		}
		ns, ok := oracle.FailoverNS(res.Index, f.moment.Before, func(slot int32, generation uint32) bool {
			return slices.ContainsFunc(f.victims, func(v fault.Victim) bool { return int32(v.Slot) == slot && v.Generation == generation })
		})
		for i := range s.run.Cycles {
			if c := &s.run.Cycles[i]; ok && c.KillNS == f.moment.Before {
				c.Values[report.Failover] = float64(ns)
			}
		}
	}
}

func hitsPrimary(victims []fault.Victim) bool {
	return slices.ContainsFunc(victims, func(v fault.Victim) bool { return v.Role == control.RolePrimary })
}

// judgeStatus holds what the engine said of itself to what was found.
func (s *session) judgeStatus(res *oracle.Result) {
	st := s.status
	if st == nil {
		return
	}
	var switches, events, frames uint64
	for _, e := range s.log.from(0) {
		switch {
		case e.Kind == control.Switched && e.Block < st.Block:
			switches++
		case e.Kind == control.FramesLost:
			events++
			frames += e.Frames
		}
	}
	lost, _ := res.Assertion(oracle.LostFrames)
	for _, c := range []struct {
		what      string
		got, want uint64
	}{
		{"bad_packets", st.BadPackets, 0},
		{"dropped_commands", st.DroppedCommands, 0},
		{"tape_missed_blocks", st.TapeMissed, 0},
		{"divergences", st.Divergences, 0},
		{"failovers, counted in events", st.Failovers, switches},
		{"lost frames in events, counted on the tape", frames, lost.Count},
	} {
		if c.got != c.want {
			s.find(report.StatusErrors, "%s: %d, must be %d", c.what, c.got, c.want)
		}
	}
	// The status is older than the end of the tape, and its figures were read one after the other.
	if before := lostBefore(res.Index, st.Block); st.LostFrames < before || st.LostFrames > lost.Count {
		s.find(report.StatusErrors, "lost_frames: %d, on the tape %d before block %d and %d in all", st.LostFrames, before, st.Block, lost.Count)
	}
}

// lostBefore is how many frames of the blocks below one were lost.
func lostBefore(index []oracle.Delivered, block uint64) (n uint64) {
	for _, d := range index {
		if d.Block < block && d.Flags&tape.FlagLost != 0 {
			n += frames
		}
	}
	return n
}
