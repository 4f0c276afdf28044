package supervisor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHangIsNoProgressDespiteDemand(t *testing.T) {
	const tick = 10 * time.Millisecond
	ticks := int(HangLimit / tick)
	always := func(n uint64) func(int) uint64 { return func(int) uint64 { return n } }
	counting := func(from uint64) func(int) uint64 { return func(i int) uint64 { return uint64(i) + from } }
	for name, c := range map[string]struct {
		done, asked func(i int) uint64
		late        func(i int) bool
		hungAt      int // observation; -1: never
	}{
		"keeps up":                {counting(0), counting(0), nil, -1},
		"always one behind":       {counting(0), counting(1), nil, -1},
		"stands still":            {always(7), counting(8), nil, ticks},
		"no work requested":       {always(7), always(7), nil, -1},
		"the seal stands too":     {always(7), always(9), nil, -1},
		"the observer came late":  {always(7), counting(8), func(i int) bool { return i%20 == 19 }, -1},
		"once late, then it hung": {always(7), counting(8), func(i int) bool { return i == 10 }, 10 + ticks},
	} {
		var p progress
		p.observe(c.done(0), c.asked(0), tick, HangLimit, false)
		at := -1
		for i := 1; i < 200 && at < 0; i++ {
			if p.observe(c.done(i), c.asked(i), tick, HangLimit, c.late != nil && c.late(i)) {
				at = i
			}
		}
		require.Equal(t, c.hungAt, at, name)
	}
}
