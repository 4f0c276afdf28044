package metric

import (
	"math"
	"slices"

	"chronus/engine/quantile"
	"chronus/engine/tape"
	"chronus/harness/oracle"
)

// start is taken from the first block on the tape.
func start(j *Judged) (float64, bool) {
	if j.Truth == nil || len(j.Truth.Index) == 0 {
		return 0, false
	}
	return float64(j.Truth.Index[0].EntryNS - j.Record.BeginNS), true
}

func stop(j *Judged) (float64, bool) {
	return float64(j.Record.StopNS), j.Record.StopNS > 0
}

// commands leaves out those that were not heard, which the oracle counts.
func commands(j *Judged) (all []float64) {
	if j.Truth == nil {
		return nil
	}
	for _, ns := range j.Truth.CommandNS {
		if ns >= 0 {
			all = append(all, float64(ns))
		}
	}
	return all
}

func commandBlocks(j *Judged) []float64 {
	all := commands(j)
	for i := range all {
		all[i] /= float64(j.BlockNS)
	}
	return all
}

// calls returns the durations of the callback calls on the tape.
func calls(j *Judged) []float64 {
	if j.Truth == nil {
		return nil
	}
	return floats(j.Truth.CallbackNS())
}

func callbackP99(j *Judged) (float64, bool) {
	all := calls(j)
	return quantile.Of(all, 0.99), len(all) > 0
}

func callbackMax(j *Judged) (float64, bool) {
	all := calls(j)
	return quantile.Of(all, 1), len(all) > 0
}

func failoverCallMax(j *Judged) (float64, bool) {
	if j.Truth == nil {
		return 0, false
	}
	all := floats(j.Truth.SwitchNS())
	return quantile.Of(all, 1), len(all) > 0
}

func floats(ns []int64) []float64 {
	all := make([]float64, len(ns))
	for i, v := range ns {
		all[i] = float64(v)
	}
	return all
}

// blockSeconds is exact, unlike BlockNS.
func (j *Judged) blockSeconds() float64 {
	return float64(j.Record.Engine.Frames) / float64(j.Record.Engine.Rate)
}

func entryLateP99(j *Judged) (float64, bool) {
	if len(calls(j)) == 0 {
		return 0, false
	}
	var late []float64
	for _, part := range anchored(j.Truth.Index) {
		late = append(late, behind(part, j.blockSeconds())...)
	}
	return quantile.Of(late, 0.99), true
}

// drift is that of the part that drifts most. A drift that no part is long
// enough to show is not a drift of 0.
func drift(j *Judged) (float64, bool) {
	if len(calls(j)) == 0 {
		return 0, false
	}
	most := math.NaN()
	for _, part := range anchored(j.Truth.Index) {
		if ppm, ok := driftPPM(part, j.blockSeconds()); ok && !(math.Abs(ppm) <= most) {
			most = math.Abs(ppm)
		}
	}
	return most, !math.IsNaN(most)
}

// anchored splits the blocks where the callback's grid was re-anchored: after
// an xrun, and with a new player.
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

// behind returns the lateness of each entry in seconds behind a grid of block
// seconds, which is laid through the earliest entry: no callback can be early
// on a grid of absolute deadlines.
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
	// driftSpan is the least length in blocks of the spans of which the slope
	// is taken, and driftMost the greatest number of spans: every pair of them
	// is compared.
	driftSpan = 16
	driftMost = 500
	// driftLeast is the least number of spans. Over less than two seconds, an
	// entry that is late by an ordinary fraction of a millisecond would look
	// like a drift of hundreds of ppm.
	driftLeast = 24
)

// driftPPM returns the deviation of the blocks' pace from their nominal pace,
// by the Theil-Sen estimator: the median of the slopes of all pairs (H. Theil
// 1950, P. K. Sen 1968). A late callback is not drift, and none is early, so
// each span is represented by its least late entry. false: the part is too
// short.
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
	return (quantile.Of(slopes, 0.5) - 1) * 1e6, true
}
