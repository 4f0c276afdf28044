package metric

import "chronus/harness/record"

// ofProcess returns a figure of each process of an engine: its host, its
// player, and the worker with the most.
func ofProcess(figure func(record.Usage) int64) func(record.Holdings) []int64 {
	return func(h record.Holdings) []int64 {
		return []int64{figure(h.Host), figure(h.Player), figure(h.Worker)}
	}
}

// leaked returns the rise of a figure from the first settled point to any later
// one: the largest of its figures' rises, and 0 where all have fallen. An
// engine that was not read twice has none.
func leaked(figures func(record.Holdings) []int64) func(*Judged) (float64, bool) {
	return func(j *Judged) (float64, bool) {
		read := j.Record.Holdings
		if len(read) < 2 {
			return 0, false
		}
		early, rise := figures(read[0]), int64(0)
		for _, h := range read[1:] {
			for i, v := range figures(h) {
				rise = max(rise, v-early[i])
			}
		}
		return float64(rise), true
	}
}

// heaps sums up a figure of all players and workers that were ever read.
func heaps(figure func(record.Heap) uint64) func(*Judged) (float64, bool) {
	return func(j *Judged) (float64, bool) {
		var sum uint64
		for _, h := range j.Record.Heaps {
			sum += figure(h)
		}
		return float64(sum), len(j.Record.Heaps) > 0
	}
}

// host returns the host's two readings; false: it was not read twice. The
// host's garbage is only for looking at: it may allocate, and its pauses stop
// no other process.
func host(j *Judged) (r record.HostRuntime, ok bool) {
	h := j.Record.Host
	if h == nil || h.After == nil || h.AfterNS <= h.BeforeNS || len(j.Record.Heaps) == 0 {
		return record.HostRuntime{}, false
	}
	return *h, true
}

func hostAllocs(j *Judged) (float64, bool) {
	h, ok := host(j)
	if !ok {
		return 0, false
	}
	return (h.After.Mallocs - h.Before.Mallocs) / (float64(h.AfterNS-h.BeforeNS) / 1e9), true
}

func hostPauses(j *Judged) (float64, bool) {
	h, ok := host(j)
	if !ok {
		return 0, false
	}
	return h.After.Pauses - h.Before.Pauses, true
}

func hostPauseMax(j *Judged) (float64, bool) {
	h, ok := host(j)
	if !ok {
		return 0, false
	}
	return h.After.LongestPause, true
}
