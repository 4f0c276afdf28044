package expect

import (
	"fmt"

	"chronus/engine/control"
	"chronus/harness/record"
)

// Log holds all events of an engine, from its first to its last, to what must
// be true of any of them whatever the fault: none reports a time later than its
// receipt, and a ring changes hands only after its owner's death.
func Log(events []record.Event) []Finding {
	var found []Finding
	owner := map[int]int{}   // last pid by slot
	exited := map[int]bool{} // by pid
	for _, e := range events {
		found = append(found, late(e)...)
		switch e.Kind {
		case control.WorkerExited:
			exited[e.PID] = true
		case control.WorkerSpawned:
			if before, ok := owner[e.Slot]; ok {
				found = append(found, reuse(e, before, exited[before])...)
			}
			owner[e.Slot] = e.PID
		}
	}
	return found
}

// late holds an event's own times to its receipt.
func late(e record.Event) (found []Finding) {
	for _, t := range []struct {
		name string
		ns   int64
	}{{"t_ns", e.TNS}, {"return_ns", e.ReturnNS}, {"first_ns", e.FirstNS}, {"known_ns", e.KnownNS}} {
		if t.ns > e.AtNS {
			found = append(found, Finding{
				Assertion: TimestampErrors,
				Detail:    fmt.Sprintf("%s: its %s lies %d ns after its receipt", e.Kind, t.name, t.ns-e.AtNS),
			})
		}
	}
	return found
}

// reuse checks that a slot's last owner was certainly dead when the slot's ring
// was given to the worker of event e: reported as reaped, and gone from the
// process table.
func reuse(e record.Event, before int, exited bool) (found []Finding) {
	find := func(format string, args ...any) {
		found = append(found, Finding{
			Assertion: RingReuse,
			Detail: fmt.Sprintf("slot %d was given to pid %d, and its last owner, pid %d, ", e.Slot, e.PID, before) +
				fmt.Sprintf(format, args...),
		})
	}
	if !exited {
		find("was not reported as exited")
	}
	if o := e.LastOwner; o != nil && o.PID != e.PID && o.State != "" && o.State != "Z" && o.State != "X" {
		find("was still there, in state %s", o.State)
	}
	return found
}
