package harness

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"chronus/engine/control"
	"chronus/harness/fault"
	"chronus/harness/report"
	"chronus/scenarios"
)

// expectation is what the events of one fault are held to: exactly those that the scenario lists, with their causes and
// within the times seen from outside. It asserts causes, not counters: an event counts for the fault only if it is about one
// of its victims, where events are about somebody.
type expectation struct {
	expect  map[string]scenarios.Count
	cause   map[string]*regexp.Regexp
	victims []fault.Victim
	moment  fault.Moment
}

func newExpectation(s *scenarios.Scenario) *expectation {
	x := &expectation{expect: s.Expect, cause: map[string]*regexp.Regexp{}}
	for kind, expr := range s.Cause {
		x.cause[kind] = regexp.MustCompile(expr) // was checked by the loader
	}
	return x
}

// of returns the expectation of one fault. Without victims it is that of a time in which nothing happens.
func (x *expectation) of(victims []fault.Victim, m fault.Moment) *expectation {
	return &expectation{x.expect, x.cause, victims, m}
}

// tally sorts the events of a window.
type tally struct {
	counted   map[string][]received // those that the fault accounts for, by kind
	unordered []received            // deaths and hangs of those whom no fault hit
	late      []received            // switches away from a worker that lived
	retired   int                   // surplus renderers that became idle again
}

func (x *expectation) tally(window []received) tally {
	t := tally{counted: map[string][]received{}}
	for _, e := range window {
		switch e.Kind {
		case control.WorkerDown, control.WorkerHung, control.PlayerDown:
			if !x.hit(e) {
				t.unordered = append(t.unordered, e)
				continue
			}
		case control.WorkerLeaving, control.WorkerExited:
			if !x.hit(e) {
				continue // its worker_down tells, or it was the engine's own order
			}
		case control.Switched:
			hit := e.FromSlot != nil && x.hitSlot(*e.FromSlot)
			if !hit || e.ReturnNS < x.moment.Before {
				t.late = append(t.late, e)
			}
			if !hit {
				continue
			}
			// From a victim before its fault: it was late, and the fault found it no primary any more. There is no other switch
			// away from it then, so this one counts.
		case control.WorkerRetired:
			t.retired++
			continue
		}
		t.counted[e.Kind] = append(t.counted[e.Kind], e)
	}
	return t
}

// count is how many events of a kind the fault has caused. A spare that was activated because somebody was late, and made
// idle again when that one had come back, was not the fault's doing.
func (t *tally) count(kind string) int {
	n := len(t.counted[kind])
	if kind == control.WorkerPromoted {
		return max(n-t.retired, 0)
	}
	return n
}

func (x *expectation) hit(e received) bool {
	if e.Kind == control.PlayerDown {
		return slices.ContainsFunc(x.victims, func(v fault.Victim) bool { return v.Slot == fault.PlayerSlot })
	}
	return slices.ContainsFunc(x.victims, func(v fault.Victim) bool { return !v.Survives && v.PID == e.PID && v.Slot == e.Slot })
}

func (x *expectation) hitSlot(slot int) bool {
	return slices.ContainsFunc(x.victims, func(v fault.Victim) bool { return v.Slot == slot && slot >= 0 })
}

// met says whether every event that must come has come. A switch from one victim to another is not the last: what both had finished
// is still heard, and another switch must follow.
func (x *expectation) met(window []received) bool {
	t := x.tally(window)
	for kind, want := range x.expect {
		if t.count(kind) < want.Min {
			return false
		}
	}
	switches := t.counted[control.Switched]
	return len(switches) == 0 || !x.hit(switches[len(switches)-1])
}

// check holds a whole window to the expectation. The findings have the window's time: from the fault to the last event.
func (x *expectation) check(window []received) []report.Finding {
	var found []report.Finding
	from, to := x.moment.Before, x.moment.After
	if len(window) > 0 {
		if from == 0 {
			from = window[0].TNS
		}
		to = max(to, window[len(window)-1].at)
	}
	find := func(assertion, format string, args ...any) {
		found = append(found, report.Finding{Assertion: assertion, Detail: fmt.Sprintf(format, args...), FromNS: from, ToNS: to})
	}
	t := x.tally(window)
	for _, kind := range scenarios.Kinds() {
		want, n := x.expect[kind], t.count(kind)
		if len(x.victims) == 0 {
			want = scenarios.Exactly(0)
		}
		if !want.Allows(n) {
			find(report.EventErrors, "%s: %d, must be %s", kind, n, want)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(x.cause)) {
		for _, e := range t.counted[kind] {
			if !x.cause[kind].MatchString(e.Cause) {
				find(report.EventErrors, "%s of pid %d: its cause is %q, must match %q", kind, e.PID, e.Cause, x.cause[kind])
			}
		}
	}
	if n := t.idleMends(); n > 0 && x.expect[control.RedundancyRestored].Allows(t.count(control.RedundancyRestored)) {
		find(report.EventErrors, "redundancy_restored: %d with no death since the one before", n)
	}
	for _, e := range t.unordered {
		find(report.UnorderedDeaths, "%s: pid %d in slot %d, %s: %s", e.Kind, e.PID, e.Slot, e.Phase, e.Cause)
	}
	x.times(&t, find)
	return found
}

// idleMends is how often redundancy was restored again though nobody had died, or told that he leaves, in the meantime.
func (t *tally) idleMends() (n int) {
	mends := slices.SortedFunc(slices.Values(t.counted[control.RedundancyRestored]), func(a, b received) int { return cmp.Compare(a.TNS, b.TNS) })
	ends := slices.Concat(t.counted[control.WorkerDown], t.counted[control.WorkerLeaving])
	for i := 1; i < len(mends); i++ {
		if !slices.ContainsFunc(ends, func(e received) bool { return e.TNS > mends[i-1].TNS && e.TNS <= mends[i].TNS }) {
			n++
		}
	}
	return n
}

// unorderedOnly is check for a time in which everything is allowed but that somebody dies.
func (x *expectation) unorderedOnly(window []received) []report.Finding {
	return slices.DeleteFunc(x.of(nil, fault.Moment{}).check(window), func(f report.Finding) bool {
		return f.Assertion != report.UnorderedDeaths
	})
}

// times holds what the engine says of times to what was seen from outside: nothing that a fault caused can be earlier than
// the fault. (That nothing is later than its receipt was checked there.)
func (x *expectation) times(t *tally, find func(assertion, format string, args ...any)) {
	if x.moment.Before == 0 {
		return
	}
	early := func(e received, name string, ns int64) {
		if ns < x.moment.Before {
			find(report.TimestampErrors, "%s: its %s lies %d ns before the fault", e.Kind, name, x.moment.Before-ns)
		}
	}
	for _, kind := range []string{
		control.WorkerLeaving, control.WorkerDown, control.WorkerHung, control.WorkerExited, control.PlayerDown, control.PlayerStarted,
		control.RedundancyRestored,
	} {
		for _, e := range t.counted[kind] {
			early(e, "t_ns", e.TNS)
		}
	}
	for _, e := range t.counted[control.Switched] {
		if e.ReturnNS < e.EntryNS {
			find(report.TimestampErrors, "switched: its return_ns is %d ns before its entry_ns", e.EntryNS-e.ReturnNS)
		}
	}
	for _, e := range t.counted[control.WorkerPromoted] {
		if e.FirstNS < e.KnownNS {
			find(report.TimestampErrors, "worker_promoted: first_ns is %d ns before known_ns", e.KnownNS-e.FirstNS)
		}
		if e.By == "host" { // which acts on deaths only; the callback may have had a late worker before the fault
			early(e, "known_ns", e.KnownNS)
		}
	}
}

// measure takes a fault's latencies from its events, ns by metric. Beside each time that the engine supplies stands its outer
// bound: from just before the kill until the harness had the event.
func (x *expectation) measure(window []received) map[string]float64 {
	t := x.tally(window)
	values := map[string]float64{}
	// most keeps the slowest of several: two victims are known when the second is.
	most := func(name string, ns int64) { values[name] = max(values[name], float64(ns)) }
	seen := func(name string, e received) {
		if x.moment.Exact {
			most(name, e.at-x.moment.Before)
		}
	}
	ready, newcomer := map[int]received{}, map[int]received{}
	for _, e := range t.counted[control.WorkerReady] {
		ready[e.PID] = e
	}
	for _, e := range t.counted[control.WorkerSpawned] {
		newcomer[e.PID] = e
		if r, ok := ready[e.PID]; ok {
			most(report.Spawn, r.TNS-e.TNS)
			seen(report.SpawnSeen, r)
		}
	}
	for _, e := range t.counted[control.WorkerPromoted] {
		if t.retired > 0 {
			continue
		}
		if spawned, ok := newcomer[e.PID]; ok { // no spare was ready
			most(report.FirstBlock, e.FirstNS-spawned.TNS)
			continue
		}
		most(report.Promote, e.FirstNS-e.KnownNS)
		seen(report.PromoteSeen, e)
	}
	for _, e := range t.counted[control.Switched] {
		most(report.Switch, e.ReturnNS-e.EntryNS)
		seen(report.SwitchSeen, e)
	}
	if !x.moment.Exact {
		return values
	}
	for _, v := range x.victims {
		if e, ok := x.known(&t, v); ok {
			most(report.Detect, e.TNS-x.moment.Before)
			seen(report.DetectSeen, e)
		}
	}
	for _, e := range t.counted[control.RedundancyRestored] {
		most(report.Mend, e.TNS-x.moment.Before)
		seen(report.MendSeen, e)
	}
	return values
}

// known is the event that first told of a victim's fault.
func (x *expectation) known(t *tally, v fault.Victim) (first received, ok bool) {
	for _, kind := range []string{control.WorkerLeaving, control.WorkerHung, control.WorkerDown} {
		for _, e := range t.counted[kind] {
			if e.PID == v.PID && (!ok || e.TNS < first.TNS) {
				first, ok = e, true
			}
		}
	}
	return first, ok
}

// phase is what the first of the victims was doing when it died.
func (x *expectation) phase(window []received) string {
	t := x.tally(window)
	for _, v := range x.victims {
		for _, e := range t.counted[control.WorkerDown] {
			if e.PID == v.PID {
				return e.Phase
			}
		}
	}
	return ""
}
