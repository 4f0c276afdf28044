// Package expect holds the events of an engine to what its scenario expects of
// each fault: exactly the listed events, with their causes, at times that can
// be true. Its functions are pure. It must not wait for events or read anything
// that is not in a record.
package expect

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"chronus/engine/control"
	"chronus/harness/fault"
	"chronus/harness/record"
)

// Names of the assertions, as they appear in reports.
const (
	EventErrors     = "event-errors"
	UnorderedDeaths = "unordered-deaths"
	TimestampErrors = "timestamp-errors"
	RingReuse       = "ring-reuse"
)

// Finding is one thing that must not be.
type Finding struct {
	Assertion string
	Detail    string
	// FromNS and ToNS are when it happened (CLOCK_MONOTONIC); 0: it has no
	// time.
	FromNS, ToNS int64
}

// Rule is what a scenario expects of each of its faults.
type Rule struct {
	counts map[string]Count
	causes map[string]*regexp.Regexp
}

// NewRule returns the rule that each fault must cause as many events of each
// kind as counts allows, and none of a kind that counts does not have; and that
// the cause of an event must match the regular expression for its kind, if
// there is one. It panics if an expression does not compile: the loader of
// scenarios has compiled them all.
func NewRule(counts map[string]Count, causes map[string]string) Rule {
	r := Rule{counts: counts, causes: map[string]*regexp.Regexp{}}
	for kind, expr := range causes {
		r.causes[kind] = regexp.MustCompile(expr)
	}
	return r
}

// Outcome is what came of one fault: the events of its window, sorted by
// whether the fault accounts for them. It asserts causes, not counters: an
// event about a process counts for the fault only if that process is one of its
// victims.
type Outcome struct {
	Victims []record.Victim
	Moment  record.Moment
	// Counted are the events that the fault accounts for, by kind.
	Counted map[string][]record.Event
	// Unordered are deaths and hangs of processes that no fault hit.
	Unordered []record.Event
	// Late are switches away from a worker that was alive.
	Late []record.Event
	// Retired is the number of surplus renderers that became idle again.
	Retired int

	rule   Rule
	window []record.Event
}

// Of sorts the events of a window by what the fault has caused. Without victims
// and with a zero moment it is a time in which nothing may happen.
func (r Rule) Of(victims []record.Victim, m record.Moment, window []record.Event) *Outcome {
	o := &Outcome{Victims: victims, Moment: m, Counted: map[string][]record.Event{}, rule: r, window: window}
	for _, e := range window {
		switch e.Kind {
		case control.WorkerDown, control.WorkerHung, control.PlayerDown:
			if !o.hit(e) {
				o.Unordered = append(o.Unordered, e)
				continue
			}
		case control.WorkerLeaving, control.WorkerExited:
			if !o.hit(e) {
				continue // its worker_down is judged, or the engine itself ended it
			}
		case control.Switched:
			hit := e.FromSlot != nil && o.hitSlot(*e.FromSlot)
			if !hit || e.ReturnNS < m.Before {
				o.Late = append(o.Late, e)
			}
			if !hit {
				continue
			}
			// A switch away from a victim before its fault: the worker was
			// late, and was no longer the primary when the fault hit it. No
			// other switch away from it can follow, so this one counts.
		case control.WorkerRetired:
			o.Retired++
			continue
		}
		o.Counted[e.Kind] = append(o.Counted[e.Kind], e)
	}
	return o
}

func (o *Outcome) hit(e record.Event) bool {
	return slices.ContainsFunc(o.Victims, func(v record.Victim) bool {
		if e.Kind == control.PlayerDown {
			return v.Slot == fault.PlayerSlot
		}
		return !v.Survives && v.PID == e.PID && v.Slot == e.Slot
	})
}

func (o *Outcome) hitSlot(slot int) bool {
	return slot >= 0 && slices.ContainsFunc(o.Victims, func(v record.Victim) bool { return v.Slot == slot })
}

// count returns how many events of a kind the fault has caused. A spare that
// was activated because another worker was late, and became idle again once
// that worker had caught up, is not the fault's doing.
func (o *Outcome) count(kind string) int {
	n := len(o.Counted[kind])
	if kind == control.WorkerPromoted {
		return max(n-o.Retired, 0)
	}
	return n
}

// Met reports whether every event that must come has come. A switch from one
// victim to another is not the last: what both had finished is still played,
// and another switch must follow.
func (o *Outcome) Met() bool {
	for kind, want := range o.rule.counts {
		if o.count(kind) < want.Min {
			return false
		}
	}
	switches := o.Counted[control.Switched]
	return len(switches) == 0 || !o.doomed(switches[len(switches)-1])
}

// Surplus reports whether more spares were promoted than the fault may cause
// and than have become idle again.
func (o *Outcome) Surplus() bool {
	return o.count(control.WorkerPromoted) > o.rule.counts[control.WorkerPromoted].Max
}

// damaged reports whether an event is about a victim that may live or die.
func (o *Outcome) damaged(e record.Event) bool {
	return slices.ContainsFunc(o.Victims, func(v record.Victim) bool {
		return v.MayDie && v.PID == e.PID && v.Slot == e.Slot
	})
}

// doomed reports whether an event is about a victim that must die.
func (o *Outcome) doomed(e record.Event) bool {
	return slices.ContainsFunc(o.Victims, func(v record.Victim) bool {
		return !v.Survives && !v.MayDie && v.PID == e.PID && v.Slot == e.Slot
	})
}

// Phase returns what the first of the victims was doing when it died, as the
// engine reports it; empty if no victim died.
func (o *Outcome) Phase() string {
	for _, v := range o.Victims {
		for _, e := range o.Counted[control.WorkerDown] {
			if e.PID == v.PID {
				return e.Phase
			}
		}
	}
	return ""
}

// Findings holds the whole window to the rule. The findings have the window's
// time: from the fault to the receipt of the last event.
func (o *Outcome) Findings() []Finding {
	var found []Finding
	from, to := o.Moment.Before, o.Moment.After
	if len(o.window) > 0 {
		if from == 0 {
			from = o.window[0].TNS
		}
		to = max(to, o.window[len(o.window)-1].AtNS)
	}
	find := func(assertion, format string, args ...any) {
		found = append(found, Finding{assertion, fmt.Sprintf(format, args...), from, to})
	}
	for _, kind := range control.Kinds() {
		want, n := o.rule.counts[kind.Name], o.count(kind.Name)
		if len(o.Victims) == 0 {
			want = Exactly(0)
		}
		if kind.Counted && !want.Allows(n) {
			find(EventErrors, "%s: %d, must be %s", kind.Name, n, want)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(o.rule.causes)) {
		for _, e := range o.Counted[kind] {
			if !o.rule.causes[kind].MatchString(e.Cause) {
				find(EventErrors, "%s of pid %d: its cause is %q, must match %q", kind, e.PID, e.Cause, o.rule.causes[kind])
			}
		}
	}
	restored := control.RedundancyRestored
	if n := o.idleMends(); n > 0 && o.rule.counts[restored].Allows(o.count(restored)) {
		find(EventErrors, "%s: %d with no death since the one before", restored, n)
	}
	for _, e := range o.Unordered {
		find(UnorderedDeaths, "%s: pid %d in slot %d, %s: %s", e.Kind, e.PID, e.Slot, e.Phase, e.Cause)
	}
	o.times(find)
	return found
}

// Deaths returns the findings of a window in which everything is allowed except
// deaths and hangs.
func (o *Outcome) Deaths() []Finding {
	return slices.DeleteFunc(o.Findings(), func(f Finding) bool { return f.Assertion != UnorderedDeaths })
}

// idleMends returns how often redundancy was restored again although no worker
// had died or given notice since the last time.
func (o *Outcome) idleMends() (n int) {
	mends := slices.SortedFunc(slices.Values(o.Counted[control.RedundancyRestored]), func(a, b record.Event) int {
		return cmp.Compare(a.TNS, b.TNS)
	})
	ends := slices.Concat(o.Counted[control.WorkerDown], o.Counted[control.WorkerLeaving])
	for i := 1; i < len(mends); i++ {
		between := func(e record.Event) bool { return e.TNS > mends[i-1].TNS && e.TNS <= mends[i].TNS }
		if !slices.ContainsFunc(ends, between) {
			n++
		}
	}
	return n
}

// times holds the times that the engine reports to what was seen from outside:
// nothing that a fault caused can be earlier than the fault. Log checks that
// nothing is later than its receipt.
func (o *Outcome) times(find func(assertion, format string, args ...any)) {
	if o.Moment.Before == 0 {
		return
	}
	early := func(e record.Event, name string, ns int64) {
		if ns < o.Moment.Before {
			find(TimestampErrors, "%s: its %s lies %d ns before the fault", e.Kind, name, o.Moment.Before-ns)
		}
	}
	for _, kind := range []string{
		control.WorkerLeaving, control.WorkerDown, control.WorkerHung, control.WorkerExited, control.PlayerDown,
		control.PlayerStarted, control.RedundancyRestored,
	} {
		for _, e := range o.Counted[kind] {
			early(e, "t_ns", e.TNS)
		}
	}
	for _, e := range o.Counted[control.Switched] {
		if e.ReturnNS < e.EntryNS {
			find(TimestampErrors, "switched: its return_ns is %d ns before its entry_ns", e.EntryNS-e.ReturnNS)
		}
	}
	for _, e := range o.Counted[control.WorkerPromoted] {
		if e.FirstNS < e.KnownNS {
			find(TimestampErrors, "worker_promoted: first_ns is %d ns before known_ns", e.KnownNS-e.FirstNS)
		}
		// The host acts on deaths only; the callback may have activated the
		// spare for a late worker before the fault. A worker whose words the
		// fault has damaged may have been activated by none of the two.
		if e.By == "host" && e.KnownNS > 0 && !o.damaged(e) {
			early(e, "known_ns", e.KnownNS)
		}
	}
}
