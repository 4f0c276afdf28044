package supervisor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTallyLogsAtOnceAndThenOncePerSecond(t *testing.T) {
	var lines [][2]int64
	var got tally
	log := func(n int, sum int64) { lines = append(lines, [2]int64{int64(n), sum}) }
	now := time.Duration(0)
	for range 100 {
		got.addSum(now, 256, log)
		got.flush(now)
		now += 25 * time.Millisecond
	}
	require.Equal(t, [][2]int64{{1, 256}, {40, 40 * 256}, {40, 40 * 256}}, lines, "2.5 s")
	now += tallyEvery
	got.flush(now)
	require.Equal(t, [2]int64{19, 19 * 256}, lines[3], "nothing is left out")
	got.flush(now + tallyEvery)
	require.Len(t, lines, 4)
	got.add(now, log)
	got.drop()
	got.flush(now + 2*tallyEvery)
	require.Len(t, lines, 4, "what is over is not logged")
}

func TestTallyOfWhatLastsLogsLessAndLess(t *testing.T) {
	got, lines := tally{lasts: true}, 0
	log := func(int, int64) { lines++ }
	now := time.Duration(0)
	for ; now < time.Hour; now += tallyEvery {
		got.add(now, log)
	}
	require.InDelta(t, 6+60, lines, 2, "six times as the pause doubles, then once per minute")
	got.drop()
	now += tallyMost
	got.add(now, log)
	had := lines
	got.add(now+tallyEvery, log)
	require.Equal(t, had+1, lines, "it begins anew")
}
