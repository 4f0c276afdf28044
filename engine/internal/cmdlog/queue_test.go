package cmdlog_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"chronus/engine/internal/cmdlog"
	"chronus/engine/internal/shm"
	"chronus/engine/rig"
)

// ahead is how far before the last seal a timed command of small's geometry gets into the log: 44100/4 + 3*16 frames.
const ahead = 11025 + 48

// play moves the player on to where block blocks have been played and lead more are sealed with what the log holds.
func play(r *rig.Rig, block uint64) {
	lead := uint64(r.Host.Geo.Lead)
	for b := r.Player.Sealed.Load(); b < block+lead; b++ {
		r.Player.Seals[b%shm.SealCount].Word.Store(shm.SealWord(r.Host.Stamp.Fold(), b, r.Host.Head.Load()))
		r.Player.Sealed.Store(b + 1)
	}
	r.Player.Playout.Store(block)
	r.Rings[0].Published.Store(block + lead)
}

func timed(from, n int, frame int64) []cmdlog.Command {
	c := commands(from, n)
	for i := range c {
		c[i].At = frame + 1
	}
	return c
}

// logged is the commands of the log, as addresses, and the frames they carry.
func logged(t *testing.T, r *rig.Rig) (addresses []int, frames []int64) {
	for i := range r.Host.Head.Load() {
		var rec shm.LogRecord
		require.True(t, cmdlog.Read(r.Host, i, &rec))
		addresses, frames = append(addresses, int(rec.Address)), append(frames, rec.Frame)
	}
	return addresses, frames
}

func TestTimedCommandEntersTheLogWhenItsFrameIsNear(t *testing.T) {
	r, w := small(t)
	q := cmdlog.NewQueue(w, nil)
	play(r, 1)
	sealed := int64(4 * 16)
	require.True(t, q.Push(timed(0, 1, sealed+ahead)...))
	require.True(t, q.Push(timed(1, 1, sealed+ahead-1)...))
	require.True(t, q.Push(commands(2, 1)...))
	require.Equal(t, 1, q.Drain())
	play(r, 2)
	require.Zero(t, q.Drain())
	addresses, frames := logged(t, r)
	require.Equal(t, []int{1, 2, 0}, addresses)
	require.Equal(t, []int64{sealed + ahead - 1, -1, sealed + ahead}, frames)
}

func TestHeldCommandsAreOrderedByFrameThenByArrival(t *testing.T) {
	r, w := small(t)
	var order []int
	q := cmdlog.NewQueue(w, func(_ uint64, c cmdlog.Command) { order = append(order, int(c.Address)) })
	for i, frame := range []int64{30000, 20000, 30000, 25000, 20000} {
		require.True(t, q.Push(timed(i, 1, frame)...))
	}
	require.Equal(t, 5, q.Drain())
	for b := uint64(1); q.Drain() > 0; b++ {
		play(r, b)
	}
	require.Equal(t, []int{1, 4, 3, 0, 2}, order)
}

func TestLateCommandGoesAtOnceWithItsFrame(t *testing.T) {
	r, w := small(t)
	q := cmdlog.NewQueue(w, nil)
	play(r, 100)
	require.True(t, q.Push(timed(0, 256, 7)...))
	require.True(t, q.Push(timed(256, 1, 8)...))
	require.True(t, q.Push(timed(257, 1, 0)...))
	require.Equal(t, 2, q.Drain(), "while the state holds late ones they take its places")
	play(r, 103)
	require.Equal(t, 2, q.Drain(), "blocks that did not take them have been played")
	play(r, 104)
	require.Zero(t, q.Drain())
	_, frames := logged(t, r)
	require.Equal(t, []int64{7, 8, 0}, frames[255:], "late ones in the order they came")
}

// TestCommandsOfOneDatagramForSeveralFrames: what is for one frame stays together and in order, the rest goes its own way.
func TestCommandsOfOneDatagramForSeveralFrames(t *testing.T) {
	r, w := small(t)
	q := cmdlog.NewQueue(w, nil)
	play(r, 1)
	b := commands(0, 5)
	b[0].At, b[2].At, b[4].At = 30001, 30001, 20001
	require.True(t, q.Push(b...))
	require.Equal(t, 3, q.Drain())
	for i := range b {
		b[i] = cmdlog.Command{Address: 99} // the caller's memory is the caller's
	}
	for n := uint64(2); q.Drain() > 0; n++ {
		play(r, n)
	}
	addresses, frames := logged(t, r)
	require.Equal(t, []int{1, 3, 4, 0, 2}, addresses)
	require.Equal(t, []int64{-1, -1, 20000, 30000, 30000}, frames)
}

// TestCommandsForOneFrameComeUnderOneSeal, also when others stand between them in their datagram.
func TestCommandsForOneFrameComeUnderOneSeal(t *testing.T) {
	r, w := small(t)
	q := cmdlog.NewQueue(w, nil)
	play(r, 1)
	require.True(t, q.Push(commands(0, 100)...))
	b := append(timed(0, 100, 5000), commands(0, 1)...)
	require.True(t, q.Push(append(b, timed(0, 100, 5000)...)...))
	require.Equal(t, 200, q.Drain(), "156 would fit")
	play(r, 2)
	require.Zero(t, q.Drain())
}

func TestWhatIsPlannedLeavesRoomForNow(t *testing.T) {
	_, w := small(t)
	q := cmdlog.NewQueue(w, nil)
	n := 0
	for q.Push(timed(n, 16, 1_000_000)...) {
		n += 16
	}
	require.Equal(t, cmdlog.HeldLength, n)
	require.Equal(t, n, q.Drain())
	for i := range (cmdlog.QueueLength - cmdlog.HeldLength) / 16 {
		require.True(t, q.Push(commands(i, 16)...))
	}
	mixed := append(commands(0, 1), timed(1, 1, 1_000_000)...)
	require.False(t, q.Push(mixed...), "refused whole")
	require.True(t, q.Push(mixed[0]))
}

// TestLargeBundleIsNotStarvedBySmallOnes: it needs a block's room, or a state's, for itself.
func TestLargeBundleIsNotStarvedBySmallOnes(t *testing.T) {
	const start = 1000 // blocks
	large := func(at int64) []cmdlog.Command {
		b := make([]cmdlog.Command, shm.HeadRoom)
		for i := range b {
			b[i] = cmdlog.Command{Address: 7, At: at}
		}
		return b
	}
	for _, c := range []struct {
		name   string
		at     int64
		within int // blocks
	}{
		{"for now", 0, 1},
		{"timed", (start+100)*16 + 1, 104}, // the commands before its frame are played by then
	} {
		t.Run(c.name, func(t *testing.T) {
			r, w := small(t)
			got := false
			q := cmdlog.NewQueue(w, func(_ uint64, c cmdlog.Command) { got = got || c.Address == 7 })
			play(r, start)
			require.True(t, q.Push(cmdlog.Command{}, cmdlog.Command{At: (start+90)*16 + 1}))
			require.True(t, q.Push(large(c.at)...))
			for i := range int64(200) { // with every block one more is due
				require.True(t, q.Push(cmdlog.Command{At: (start+3+i)*16 + ahead + 1}))
			}
			require.False(t, got)
			for block := range uint64(c.within) {
				play(r, start+block+1)
				require.True(t, q.Push(cmdlog.Command{}))
			}
			require.True(t, got)
		})
	}
}

func TestWriterThatGoesOnKnowsTheTimedCommandsOfTheLog(t *testing.T) {
	r, w := small(t)
	play(r, 1)
	q := cmdlog.NewQueue(w, nil)
	require.True(t, q.Push(append(timed(0, 100, 5000), timed(100, 50, 5016)...)...))
	require.Zero(t, q.Drain())
	again := cmdlog.NewWriter(r.Host, r.Player, r.Rings)
	require.Equal(t, cmdlog.Timed-150, again.TimedRoom())
	play(r, 5000/16+1)
	require.Equal(t, cmdlog.Timed-50, again.TimedRoom())
	play(r, 5016/16+1)
	require.Equal(t, cmdlog.Timed, again.TimedRoom())
}

// TestStateNeverHasToHoldMoreThanItCan pushes anything while the player plays on, and follows what a worker's state holds: after
// every block, the commands it has taken whose frame is still to come.
func TestStateNeverHasToHoldMoreThanItCan(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r, w := small(t)
		type entry struct{ frame, number int64 }
		var log []entry // in the order of the log
		q := cmdlog.NewQueue(w, func(i uint64, c cmdlog.Command) {
			require.EqualValues(rt, len(log), i)
			log = append(log, entry{c.Frame(), int64(c.Value)})
		})
		var (
			pushed, taken, block int
			state                []int64 // what it holds after the newest sealed block
			sent                 = map[int64]entry{}
		)
		for rounds := 0; rounds < 40 || q.Drain() > 0; rounds++ {
			for range rapid.IntRange(0, 3).Draw(rt, "bundles") {
				if rounds >= 40 {
					break
				}
				var b []cmdlog.Command
				for range rapid.SampledFrom([]int{1, 1, 2, 30, 256}).Draw(rt, "commands") {
					at := int64(0)
					if len(b) > 0 && rapid.IntRange(0, 15).Draw(rt, "kind") > 0 {
						at = b[len(b)-1].At
					} else if rapid.Bool().Draw(rt, "timed") {
						at = max(0, int64(block)*16+rapid.Int64Range(-100, 30000).Draw(rt, "frame")) + 1
					}
					b = append(b, cmdlog.Command{At: at, Value: float64(pushed + len(b))})
				}
				if q.Push(b...) {
					for _, c := range b {
						sent[int64(c.Value)] = entry{c.Frame(), int64(c.Value)}
					}
				}
				pushed += len(b)
			}
			q.Drain()
			for range rapid.SampledFrom([]int{1, 1, 1, 2, 30}).Draw(rt, "blocks") {
				block++
				play(r, uint64(block))
				start := int64(r.Player.Sealed.Load()-1) * 16
				for ; taken < len(log); taken++ {
					if log[taken].frame >= 0 {
						state = append(state, log[taken].frame)
					}
				}
				require.LessOrEqual(rt, len(state), cmdlog.Timed)
				state = slices.DeleteFunc(state, func(frame int64) bool { return frame < start+16 })
			}
		}
		require.Len(rt, log, len(sent), "nothing that was accepted is lost")
		for _, e := range log {
			require.Equal(rt, sent[e.number], e)
			delete(sent, e.number)
		}
	})
}

func TestQueueAllocatesLittle(t *testing.T) {
	r, w := small(t)
	q := cmdlog.NewQueue(w, nil)
	block := uint64(0)
	require.Less(t, testing.AllocsPerRun(200, func() {
		block++
		q.Push(cmdlog.Command{Value: 1})
		q.Push(cmdlog.Command{Value: 1, At: int64(block+10)*16 + 1})
		play(r, block)
	}), 8.0)
	require.Zero(t, q.Drain())
}
