package metric

import (
	"chronus/engine/control"
	"chronus/harness/expect"
	"chronus/harness/listener"
)

// sum adds up a figure of all windows of events: of every cycle, and of the
// time after the last. false: no cycle was begun.
func (j *Judged) sum(figure func(*expect.Outcome) float64) (float64, bool) {
	total := 0.0
	for _, c := range j.Cycles {
		total += figure(c.Outcome)
	}
	if j.Rest != nil {
		total += figure(j.Rest)
	}
	return total, len(j.Cycles) > 0 || j.Rest != nil
}

func lateSwitches(j *Judged) (float64, bool) {
	return j.sum(func(o *expect.Outcome) float64 { return float64(len(o.Late)) })
}

func latePromotions(j *Judged) (float64, bool) {
	return j.sum(func(o *expect.Outcome) float64 { return float64(o.Retired) })
}

// xruns is 0 for an engine without xruns: a figure that is only there when
// something happened cannot be compared.
func xruns(j *Judged) (float64, bool) {
	return j.sum(func(o *expect.Outcome) float64 { return float64(len(o.Counted[control.Xrun])) })
}

func xrunTime(j *Judged) (float64, bool) {
	return j.sum(func(o *expect.Outcome) (sec float64) {
		for _, e := range o.Counted[control.Xrun] {
			sec += float64(e.DurNS) / 1e9
		}
		return sec
	})
}

func floorLateP99(j *Judged) (float64, bool) {
	f := j.Record.Floor
	return float64(f.P99NS) / 1e9, f.Ticks > 0
}

func floorLateMax(j *Judged) (float64, bool) {
	f := j.Record.Floor
	return float64(f.MaxNS) / 1e9, f.Ticks > 0
}

// heard takes a number of frames from what the listener heard.
func heard(frames func(*listener.Heard) int) func(*Judged) (float64, bool) {
	return func(j *Judged) (float64, bool) {
		if j.Heard == nil {
			return 0, false
		}
		return float64(frames(j.Heard)), true
	}
}
