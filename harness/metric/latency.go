package metric

import (
	"slices"

	"chronus/engine/control"
	"chronus/engine/quantile"
	"chronus/harness/fault"
	"chronus/harness/oracle"
	"chronus/harness/record"
)

// The latencies of one fault, in ns. Each time that the engine supplies has an
// outer bound beside it: from just before the kill until the harness had the
// event. If a fault has several events of a kind, the slowest counts: two
// victims are known when the second is. A latency counts from the kill only if
// the moment of the kill is exact.

// slowest returns the largest of some times; false: there are none. It is never
// negative: an engine whose clock contradicts the harness's has a timestamp
// error, not a negative latency.
func slowest(times []int64) (float64, bool) {
	if len(times) == 0 {
		return 0, false
	}
	return float64(max(0, slices.Max(times))), true
}

// fromKill returns the longest time from just before the kill to the events,
// each at the time that at returns for it.
func fromKill(c *Cycle, events []record.Event, at func(record.Event) int64) (float64, bool) {
	if !c.Outcome.Moment.Exact {
		return 0, false
	}
	var times []int64
	for _, e := range events {
		times = append(times, at(e)-c.Outcome.Moment.Before)
	}
	return slowest(times)
}

// seen returns the outer bound that some events give.
func seen(c *Cycle, events []record.Event) (float64, bool) {
	return fromKill(c, events, func(e record.Event) int64 { return e.AtNS })
}

// since returns the time from just before the kill to the events' own times.
func since(c *Cycle, events []record.Event) (float64, bool) {
	return fromKill(c, events, func(e record.Event) int64 { return e.TNS })
}

// known returns, for each victim, the event that first reported its fault.
func known(c *Cycle) (all []record.Event) {
	o := c.Outcome
	for _, v := range o.Victims {
		var first record.Event
		found := false
		for _, kind := range []string{control.WorkerLeaving, control.WorkerHung, control.WorkerDown} {
			for _, e := range o.Counted[kind] {
				if e.PID == v.PID && (!found || e.TNS < first.TNS) {
					first, found = e, true
				}
			}
		}
		if found {
			all = append(all, first)
		}
	}
	return all
}

func detect(_ *Judged, c *Cycle) (float64, bool) { return since(c, known(c)) }

func detectSeen(_ *Judged, c *Cycle) (float64, bool) { return seen(c, known(c)) }

func switched(_ *Judged, c *Cycle) (float64, bool) {
	var times []int64
	for _, e := range c.Outcome.Counted[control.Switched] {
		times = append(times, e.ReturnNS-e.EntryNS)
	}
	return slowest(times)
}

func switchSeen(_ *Judged, c *Cycle) (float64, bool) {
	return seen(c, c.Outcome.Counted[control.Switched])
}

// failover returns how long after a fault that hit the primary another worker
// was heard, as the tape shows it.
func failover(j *Judged, c *Cycle) (float64, bool) {
	hit := c.Fact.Victims
	primary := slices.ContainsFunc(hit, func(v record.Victim) bool { return v.Role == control.RolePrimary })
	if j.Truth == nil || !c.Fact.Moment.Exact || !primary {
		return 0, false
	}
	ns, ok := oracle.FailoverNS(j.Truth.Index, c.Fact.Moment.Before, func(slot int32, generation uint32) bool {
		return slices.ContainsFunc(hit, func(v record.Victim) bool {
			return int32(v.Slot) == slot && v.Generation == generation
		})
	})
	return float64(ns), ok
}

// silence returns how long after a fault that hit the player the next one was
// heard, as the tape shows it.
func silence(j *Judged, c *Cycle) (float64, bool) {
	player := slices.ContainsFunc(c.Fact.Victims, func(v record.Victim) bool { return v.Slot == fault.PlayerSlot })
	if j.Truth == nil || !c.Fact.Moment.Exact || !player {
		return 0, false
	}
	ns, ok := oracle.SilenceNS(j.Truth.Index, c.Fact.Moment.Before)
	return float64(ns), ok
}

// promotions splits the promotions of a fault: those of a spare that was ready,
// and those of a worker that had to be started first. It returns neither if a
// surplus renderer became idle again in the window: then it is not clear which
// promotion was the fault's.
func promotions(c *Cycle) (ready, fresh []record.Event) {
	if c.Outcome.Retired > 0 {
		return nil, nil
	}
	for _, e := range c.Outcome.Counted[control.WorkerPromoted] {
		if _, ok := spawned(c, e.PID); ok {
			fresh = append(fresh, e)
		} else {
			ready = append(ready, e)
		}
	}
	return ready, fresh
}

// spawned finds the event of a worker's start within the fault's window.
func spawned(c *Cycle, pid int) (spawn record.Event, ok bool) {
	for _, e := range c.Outcome.Counted[control.WorkerSpawned] {
		if e.PID == pid {
			spawn, ok = e, true
		}
	}
	return spawn, ok
}

func promote(_ *Judged, c *Cycle) (float64, bool) {
	var times []int64
	ready, _ := promotions(c)
	for _, e := range ready {
		times = append(times, e.FirstNS-e.KnownNS)
	}
	return slowest(times)
}

func promoteSeen(_ *Judged, c *Cycle) (float64, bool) {
	ready, _ := promotions(c)
	return seen(c, ready)
}

func firstBlock(_ *Judged, c *Cycle) (float64, bool) {
	var times []int64
	_, fresh := promotions(c)
	for _, e := range fresh {
		spawn, _ := spawned(c, e.PID)
		times = append(times, e.FirstNS-spawn.TNS)
	}
	return slowest(times)
}

// newcomers returns the worker_ready events of workers that were started within
// the fault's window.
func newcomers(c *Cycle) []record.Event {
	return slices.DeleteFunc(slices.Clone(c.Outcome.Counted[control.WorkerReady]), func(e record.Event) bool {
		_, ok := spawned(c, e.PID)
		return !ok
	})
}

func spawn(_ *Judged, c *Cycle) (float64, bool) {
	var times []int64
	for _, ready := range newcomers(c) {
		e, _ := spawned(c, ready.PID)
		times = append(times, ready.TNS-e.TNS)
	}
	return slowest(times)
}

func spawnSeen(_ *Judged, c *Cycle) (float64, bool) { return seen(c, newcomers(c)) }

func mend(_ *Judged, c *Cycle) (float64, bool) {
	return since(c, c.Outcome.Counted[control.RedundancyRestored])
}

func mendSeen(_ *Judged, c *Cycle) (float64, bool) {
	return seen(c, c.Outcome.Counted[control.RedundancyRestored])
}

// exit is not taken of a victim that must survive.
func exit(_ *Judged, c *Cycle) (float64, bool) {
	f := c.Fact
	if !f.Moment.Exact || f.GoneNS == 0 || len(f.Victims) == 0 || f.Victims[0].Survives {
		return 0, false
	}
	return float64(f.GoneNS - f.Moment.Before), true
}

func injectLate(_ *Judged, c *Cycle) (float64, bool) {
	return float64(c.Fact.Moment.Before-c.Fact.DueNS) / 1e9, c.Fact.Moment.Before != 0
}

func floorPidfd(_ *Judged, c *Cycle) (float64, bool) {
	return float64(c.Fact.PidfdNS), c.Fact.PidfdNS != 0
}

func floorExec(_ *Judged, c *Cycle) (float64, bool) {
	return float64(c.Fact.ExecNS), c.Fact.ExecNS != 0
}

// mendRatio is about whole cycles, like the samples of the two metrics.
func mendRatio(j *Judged) (float64, bool) {
	mends, execs := j.samples(mend), j.samples(floorExec)
	return quantile.Of(mends, 0.5) / quantile.Of(execs, 0.5), len(mends) > 0 && len(execs) > 0
}

// samples takes the samples of all cycles after which the engine was whole.
func (j *Judged) samples(take func(*Judged, *Cycle) (float64, bool)) (all []float64) {
	for i := range j.Cycles {
		if v, ok := take(j, &j.Cycles[i]); ok && j.Cycles[i].Fact.Whole {
			all = append(all, v)
		}
	}
	return all
}
