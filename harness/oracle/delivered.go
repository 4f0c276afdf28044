package oracle

import (
	"sort"

	"chronus/engine/tape"
)

// Delivered is a block record without its samples.
type Delivered struct {
	Block      uint64
	EntryNS    int64 // of the callback call, CLOCK_MONOTONIC
	ReturnNS   int64 // before EntryNS if the player died within the call
	Slot       int32 // -1 if the block was lost
	Generation uint32
	Flags      uint32
}

// CallbackNS returns the durations (ns) of all callback calls that returned.
func (r *Result) CallbackNS() []int64 {
	return durations(r.Index, func(Delivered) bool { return true })
}

// SwitchNS returns the durations (ns) of the callback calls that were the first
// to read another ring.
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

// FailoverNS returns the time (ns) from tKill, just before kill(2), until the
// return of the first callback call that was entered since then, returned, and
// delivered a block of a worker that was not hit. hit reports whether the
// worker with a slot and a generation was hit. ok is false if there is no such
// block.
func FailoverNS(index []Delivered, tKill int64, hit func(slot int32, generation uint32) bool) (ns int64, ok bool) {
	i := sort.Search(len(index), func(i int) bool { return index[i].EntryNS >= tKill })
	for _, d := range index[i:] {
		if d.Flags&tape.FlagLost == 0 && d.ReturnNS >= d.EntryNS && !hit(d.Slot, d.Generation) {
			return d.ReturnNS - tKill, true
		}
	}
	return 0, false
}

// SilenceNS returns the time (ns) from tKill, just before the kill(2) of a
// player, until the call of its successor that delivered the first block that
// was not lost. ok is false if there is no such block.
func SilenceNS(index []Delivered, tKill int64) (ns int64, ok bool) {
	i := sort.Search(len(index), func(i int) bool { return index[i].EntryNS >= tKill })
	for _, d := range index[i:] {
		ok = ok || d.Flags&tape.FlagPlayer != 0
		if ok && d.Flags&tape.FlagLost == 0 {
			return d.EntryNS - tKill, true
		}
	}
	return 0, false
}
