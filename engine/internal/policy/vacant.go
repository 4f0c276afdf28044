package policy

import (
	"slices"

	"chronus/engine/internal/process"
)

// vacant returns the slot to start the next worker in: one without a ring to
// lose, or the one whose ring is furthest behind; -1 if there is none. taken
// are the slots chosen before. last means that no worker is left or on its way:
// then blocks that were not played are given up rather than everything, but
// never the newest state.
func (v *View) vacant(taken []int, last bool) int {
	best := -1
	better := func(slot int) bool { return best < 0 || v.Slots[slot].Holds < v.Slots[best].Holds }
	for pass := range 2 {
		for slot := range v.Slots {
			s := &v.Slots[slot]
			switch {
			case slices.Contains(taken, slot):
			case s.State == process.Free:
				return slot
			case s.State != process.Exited, v.newest(slot, taken):
			case pass == 0 && v.sole(slot, taken):
			case better(slot):
				best = slot
			}
		}
		if best >= 0 || !last {
			break
		}
	}
	return best
}

// newest reports whether no ring but the slot's own holds a state as new as
// its.
func (v *View) newest(slot int, taken []int) bool {
	mine := v.Slots[slot].Holds
	for other := range v.Slots {
		if other != slot && v.Slots[other].Holds >= mine && !slices.Contains(taken, other) {
			return false
		}
	}
	return mine > 0
}

// sole reports whether the slot's ring holds a block that was not played and
// that no other ring has.
func (v *View) sole(slot int, taken []int) bool {
	others := uint64(0)
	for other := range v.Slots {
		if other != slot && !slices.Contains(taken, other) {
			others |= v.Slots[other].Unplayed
		}
	}
	return v.Slots[slot].Unplayed&^others != 0
}
