package supervisor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAPatchThatIsTooHeavyIsSaidOnceInAWhile(t *testing.T) {
	var b burden
	now := time.Hour
	play := func(share float64, for_ time.Duration) (lines int) {
		for end := now + for_; now < end; now += tickEvery {
			if b.observe(now, share) {
				lines++
			}
		}
		return lines
	}
	require.Zero(t, play(0.6, time.Minute))
	require.Zero(t, play(5, tickEvery), "one slow block is none")
	require.Zero(t, play(0.6, time.Minute))
	require.Equal(t, 1, play(1.3, 5*time.Second))
	require.True(t, b.heavy)
	require.InDelta(t, 1.3, b.share, 0.01)
	require.InDelta(t, 6, play(1.3, time.Minute), 1)
	require.Equal(t, 1, play(0.5, time.Minute), "that it is over is said too")
	require.False(t, b.heavy)
	require.Zero(t, play(0.5, time.Minute))
}
