package schedule

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"chronus/engine/clock"
)

func TestNextLiesBetweenSettleAndSpan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		block := time.Duration(rapid.Int64Range(1_000, 100_000_000).Draw(t, "block"))
		seed, run := rapid.Uint64().Draw(t, "seed"), rapid.IntRange(0, 100).Draw(t, "run")
		s := New(seed, rapid.String().Draw(t, "scenario"), run, block)
		whole := rapid.Int64Range(0, 1<<60).Draw(t, "whole")
		for range 50 {
			due := s.Next(whole)
			if due < whole+int64(settleBlocks*block) || due >= whole+int64((settleBlocks+spanBlocks)*block) {
				t.Fatalf("due %d ns after the mend, block %v", due-whole, block)
			}
			whole = due
		}
	})
}

func TestSameSeedSameSchedule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed, run := rapid.Uint64().Draw(t, "seed"), rapid.IntRange(0, 100).Draw(t, "run")
		a := New(seed, "kill-primary", run, time.Millisecond)
		b := New(seed, "kill-primary", run, time.Millisecond)
		for range 20 {
			if x, y := a.Next(0), b.Next(0); x != y {
				t.Fatalf("%d and %d", x, y)
			}
		}
	})
}

func TestRunsAndScenariosDoNotShareAStream(t *testing.T) {
	draw := func(scenario string, run int) (due [8]int64) {
		s := New(1, scenario, run, time.Millisecond)
		for i := range due {
			due[i] = s.Next(0)
		}
		return due
	}
	require.NotEqual(t, draw("kill-primary", 1), draw("kill-primary", 2))
	require.NotEqual(t, draw("kill-primary", 1), draw("kill-standby", 1))
	require.NotEqual(t, draw("a", 11), draw("a#1", 1))
}

// The phase within a block must be uniform even if every mend ends at the same
// phase, for example just after a callback.
func TestPhaseIsUniformOverTheBlock(t *testing.T) {
	const block, draws, bins = 5_805_000, 20_000, 20
	s := New(7, "kill-primary", 1, block)
	var count [bins]float64
	for range draws {
		count[(s.Next(123)%block)*bins/block]++
	}
	chi := 0.0
	for _, n := range count {
		const want = draws / bins
		chi += (n - want) * (n - want) / want
	}
	require.Less(t, chi, 43.8, "chi squared with 19 degrees of freedom at 99.9 %%")
}

func TestAtDoesNotActBeforeItsTime(t *testing.T) {
	due := clock.Now() + int64(2*time.Millisecond)
	var at int64
	require.NoError(t, At(context.Background(), due, func() error { at = clock.Now(); return nil }))
	require.GreaterOrEqual(t, at, due)
}

func TestAtReturnsTheErrorOfTheAct(t *testing.T) {
	want := errors.New("no such process")
	require.ErrorIs(t, At(context.Background(), clock.Now(), func() error { return want }), want)
}

func TestAtDoesNothingOnceCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, At(ctx, clock.Now(), func() error { t.Error("acted"); return nil }), context.Canceled)
}

func TestBlockDuration(t *testing.T) {
	require.Equal(t, 5804988*time.Nanosecond, Block(256, 44100))
	require.Equal(t, time.Second, Block(48000, 48000))
}
