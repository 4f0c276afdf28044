package judge

import (
	"slices"

	"chronus/engine/control"
	"chronus/engine/tape"
	"chronus/harness/expect"
	"chronus/harness/metric"
	"chronus/harness/oracle"
	"chronus/harness/record"
	"chronus/harness/report"
)

// statuses holds what the engine reported of itself after the last cycle to
// what was found from outside.
func statuses(j *metric.Judged) (found []report.Finding) {
	st := j.Record.Last
	if st == nil {
		return nil
	}
	switches, frames := 0, uint64(0)
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
		{"lost frames in events, counted on the tape", frames, lost.Count},
	} {
		if c.got != c.want {
			found = append(found, finding(metric.StatusErrors, "%s: %d, must be %d", c.what, c.got, c.want))
		}
	}
	want := expect.Count{Min: switches, Max: switches + unreportable(j)}
	if !want.Allows(int(st.Failovers)) {
		found = append(found, finding(metric.StatusErrors, "failovers, counted in events: %d, must be %s", st.Failovers, want))
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

// unreportable returns how many switches may be counted and not reported: a
// player that is killed together with the primary may be in the very call that
// switches, and die between the count and the event.
func unreportable(j *metric.Judged) (n int) {
	for _, c := range j.Record.Cycles {
		hit := func(role string) bool {
			return slices.ContainsFunc(c.Victims, func(v record.Victim) bool { return v.Role == role })
		}
		if hit(control.RolePrimary) && hit("player") {
			n++
		}
	}
	return n
}
