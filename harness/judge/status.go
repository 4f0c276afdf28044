package judge

import (
	"chronus/engine/control"
	"chronus/engine/tape"
	"chronus/harness/metric"
	"chronus/harness/oracle"
	"chronus/harness/report"
)

// statuses holds what the engine reported of itself after the last cycle to
// what was found from outside.
func statuses(j *metric.Judged) (found []report.Finding) {
	st := j.Record.Last
	if st == nil {
		return nil
	}
	var switches, frames uint64
	for _, e := range j.Record.Events {
		switch {
		case e.Kind == control.Switched && e.Block < st.Block:
			switches++
		case e.Kind == control.FramesLost:
			frames += e.Frames
		}
	}
	lost, _ := j.Truth.Assertion(oracle.LostFrames)
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
			found = append(found, finding(metric.StatusErrors, "%s: %d, must be %d", c.what, c.got, c.want))
		}
	}
	// The status is older than the end of the tape, and its figures were read
	// one after the other.
	if before := lostBefore(j, st.Block); st.LostFrames < before || st.LostFrames > lost.Count {
		found = append(found, finding(metric.StatusErrors, "lost_frames: %d, on the tape %d before block %d and %d in all",
			st.LostFrames, before, st.Block, lost.Count))
	}
	return found
}

// lostBefore returns how many frames of the blocks below one were lost.
func lostBefore(j *metric.Judged, block uint64) (n uint64) {
	for _, d := range j.Truth.Index {
		if d.Block < block && d.Flags&tape.FlagLost != 0 {
			n += uint64(j.Record.Engine.Frames)
		}
	}
	return n
}
