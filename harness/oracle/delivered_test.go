package oracle

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/tape"
)

func TestFailoverEndsWithTheFirstBlockOfAWorkerThatWasNotHit(t *testing.T) {
	index := []Delivered{
		{Block: 0, EntryNS: 100, ReturnNS: 110, Slot: 0, Generation: 1},
		{Block: 1, EntryNS: 200, ReturnNS: 210, Slot: 0, Generation: 1},
		{Block: 2, EntryNS: 300, ReturnNS: 310, Slot: 0, Generation: 1}, // finished before the kill
		{Block: 3, EntryNS: 400, ReturnNS: 490, Slot: -1, Flags: tape.FlagLost},
		// The player died within this call.
		{Block: 4, EntryNS: 495, ReturnNS: 0, Slot: 1, Generation: 2, Flags: tape.FlagSwitched},
		{Block: 5, EntryNS: 500, ReturnNS: 512, Slot: 1, Generation: 2, Flags: tape.FlagSwitched},
		{Block: 6, EntryNS: 600, ReturnNS: 610, Slot: 0, Generation: 3}, // the same slot, but another worker
	}
	first, second := Delivered{Slot: 0, Generation: 1}, Delivered{Slot: 1, Generation: 2}
	hit := func(slots ...Delivered) func(int32, uint32) bool {
		return func(slot int32, generation uint32) bool {
			for _, d := range slots {
				if d.Slot == slot && d.Generation == generation {
					return true
				}
			}
			return false
		}
	}
	for name, c := range map[string]struct {
		at   int64
		hit  func(int32, uint32) bool
		want int64
		ok   bool
	}{
		"the primary":                {250, hit(first), 262, true},
		"during a callback":          {205, hit(first), 307, true},
		"the standby":                {250, hit(second), 60, true},
		"both":                       {250, hit(first, second), 360, true},
		"at the entry of a callback": {300, hit(), 10, true},
		"before the first block":     {0, hit(), 110, true},
		"after the last block":       {601, hit(), 0, false},
		"all, and none is back":      {250, func(int32, uint32) bool { return true }, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			ns, ok := FailoverNS(index, c.at, c.hit)
			require.Equal(t, c.ok, ok)
			require.Equal(t, c.want, ns)
		})
	}
	r := &Result{Index: index}
	require.Equal(t, []int64{10, 10, 10, 90, 12, 10}, r.CallbackNS())
	require.Equal(t, []int64{12}, r.SwitchNS())
}

func TestSilenceEndsWithTheFirstBlockOfANewPlayer(t *testing.T) {
	index := []Delivered{
		{Block: 0, EntryNS: 100, Flags: tape.FlagPlayer}, // an earlier one's
		{Block: 1, EntryNS: 200},
		{Block: 2, EntryNS: 310}, // the one that is killed was in a call
		{Block: 3, EntryNS: 400, Flags: tape.FlagPlayer | tape.FlagLost},
		{Block: 4, EntryNS: 500},
	}
	ns, ok := SilenceNS(index, 300)
	require.True(t, ok)
	require.EqualValues(t, 200, ns)
	_, ok = SilenceNS(index[:3], 300)
	require.False(t, ok, "no player came")
	_, ok = SilenceNS(index[:4], 300)
	require.False(t, ok, "nothing was heard of it")
}
