package oracle

import (
	"sort"

	"chronus/engine/tape"
)

// Delivered is a block record without its samples, in the order of the tape.
type Delivered struct {
	Block      uint64
	EntryNS    int64 // of the callback call, CLOCK_MONOTONIC
	ReturnNS   int64 // before EntryNS: the player died within the call
	Slot       int32 // -1: lost
	Generation uint32
	Flags      uint32
}

// CallbackNS returns the durations of all callback calls that returned.
func (r *Result) CallbackNS() []int64 {
	return durations(r.Index, func(Delivered) bool { return true })
}

// SwitchNS returns the durations of the callback calls that first read another ring.
func (r *Result) SwitchNS() []int64 {
	return durations(r.Index, func(d Delivered) bool { return d.Flags&tape.FlagSwitched != 0 })
}

func durations(index []Delivered, of func(Delivered) bool) []int64 {
	var out []int64
	for _, d := range index {
		if of(d) && d.ReturnNS >= d.EntryNS {
			out = append(out, d.ReturnNS-d.EntryNS)
		}
	}
	return out
}

// FailoverNS is the time from tKill, just before kill(2), to the return of the first callback call that was entered since
// then, returned, and delivered a block of a worker that was not hit. hit tells the workers that were, by slot and
// generation. false: there is no such block.
func FailoverNS(index []Delivered, tKill int64, hit func(slot int32, generation uint32) bool) (ns int64, ok bool) {
	i := sort.Search(len(index), func(i int) bool { return index[i].EntryNS >= tKill })
	for _, d := range index[i:] {
		if d.Flags&tape.FlagLost == 0 && d.ReturnNS >= d.EntryNS && !hit(d.Slot, d.Generation) {
			return d.ReturnNS - tKill, true
		}
	}
	return 0, false
}
