package harness

import (
	"math"
	"slices"

	"chronus/engine/tape"
	"chronus/harness/oracle"
	"chronus/harness/report"
)

// pace takes from the tape how long callbacks took, how late they were entered and how far they drifted.
func pace(run *report.Run, res *oracle.Result) {
	calls := floats(res.CallbackNS())
	if len(calls) == 0 {
		return
	}
	run.Set(report.CallbackP99, report.Quantile(calls, 0.99))
	run.Set(report.CallbackMax, slices.Max(calls))
	if switches := floats(res.SwitchNS()); len(switches) > 0 {
		run.Set(report.FailoverCallMax, slices.Max(switches))
	}
	block := float64(run.Engine.Frames) / float64(run.Engine.Rate) // exact, unlike BlockNS
	var late []float64
	drift := math.NaN()
	for _, part := range anchored(res.Index) {
		late = append(late, behind(part, block)...)
		if ppm, ok := driftPPM(part, block); ok && !(math.Abs(ppm) <= drift) {
			drift = math.Abs(ppm)
		}
	}
	run.Set(report.EntryLateP99, report.Quantile(late, 0.99))
	if !math.IsNaN(drift) {
		run.Set(report.Drift, drift)
	}
}

func floats(ns []int64) []float64 {
	all := make([]float64, len(ns))
	for i, v := range ns {
		all[i] = float64(v)
	}
	return all
}

// anchored splits the blocks where the callback's grid was anchored anew: after an xrun and with a new player.
func anchored(index []oracle.Delivered) [][]oracle.Delivered {
	var parts [][]oracle.Delivered
	begin := 0
	for i, d := range index {
		if i > 0 && d.Flags&(tape.FlagXrun|tape.FlagPlayer) != 0 {
			parts = append(parts, index[begin:i])
			begin = i
		}
	}
	return append(parts, index[begin:])
}

// behind is the lateness of each entry in seconds behind a grid of block seconds, which is laid through the earliest entry: no callback can
// be early on a grid of absolute deadlines.
func behind(part []oracle.Delivered, block float64) []float64 {
	late := make([]float64, len(part))
	for i, d := range part {
		late[i] = float64(d.EntryNS-part[0].EntryNS)/1e9 - float64(d.Block-part[0].Block)*block
	}
	if len(late) > 0 {
		least := slices.Min(late)
		for i := range late {
			late[i] -= least
		}
	}
	return late
}

const (
	// driftSpan is the least length in blocks of the spans of which the slope is taken, and driftMost the most spans: of these
	// every pair is looked at.
	driftSpan = 16
	driftMost = 500
	// driftLeast is the least number of spans: over less than two seconds, an entry that is late by its ordinary share of a
	// millisecond would already be a drift of hundreds of ppm.
	driftLeast = 24
)

// driftPPM is the deviation of the blocks' pace from their nominal one: the Theil-Sen estimator (the median of the slopes of
// all pairs; H. Theil 1950, P. K. Sen 1968). A late callback is not drift, and none is early, so of each span the entry that is
// the least late is taken. false: the part is too short to tell.
func driftPPM(part []oracle.Delivered, block float64) (ppm float64, ok bool) {
	late := behind(part, block)
	span := max(driftSpan, len(part)/driftMost)
	var points []oracle.Delivered
	for at := 0; at+span <= len(part); at += span {
		least := at
		for i := at; i < at+span; i++ {
			if late[i] < late[least] {
				least = i
			}
		}
		points = append(points, part[least])
	}
	if len(points) < driftLeast {
		return 0, false
	}
	var slopes []float64
	for i, p := range points {
		for _, q := range points[i+1:] {
			if dt := float64(q.EntryNS-p.EntryNS) / 1e9; dt > 0 {
				slopes = append(slopes, float64(q.Block-p.Block)*block/dt)
			}
		}
	}
	if len(slopes) == 0 {
		return 0, false
	}
	return (report.Quantile(slopes, 0.5) - 1) * 1e6, true
}
