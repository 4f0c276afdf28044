package cmdlog_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"chronus/engine/command"
	"chronus/engine/internal/cmdlog"
	"chronus/engine/internal/shm"
	"chronus/engine/rig"
)

// ahead is how many frames ahead of the last seal a timed command enters the
// log in small's geometry: 44100/4 + 3*16.
const ahead = 11025 + 48

// play moves the player on until block blocks have been played and lead more
// are sealed with what the log holds.
func play(r *rig.Rig, block uint64) {
	lead := uint64(r.Host.Geo.Lead)
	for b := r.Player.Sealed.Load(); b < block+lead; b++ {
		r.Publish(0, r.Seal())
	}
	r.Play(block)
}

func timed(from, n int, frame int64) []command.Command {
	c := commands(from, n)
	for i := range c {
		c[i].Frame = frame
	}
	return c
}

// logged returns the addresses of the commands in the log, and their frames.
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
	require.True(t, q.Push(timed(0, 1, sealed+ahead)))
	require.True(t, q.Push(timed(1, 1, sealed+ahead-1)))
	require.True(t, q.Push(commands(2, 1)))
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
	q := cmdlog.NewQueue(w, func(_ uint64, c command.Command) { order = append(order, int(c.Address)) })
	for i, frame := range []int64{30000, 20000, 30000, 25000, 20000} {
		require.True(t, q.Push(timed(i, 1, frame)))
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
	require.True(t, q.Push(timed(0, 256, 7)))
	require.True(t, q.Push(timed(256, 1, 8)))
	require.True(t, q.Push(timed(257, 1, 0)))
	require.Equal(t, 2, q.Drain(), "late commands occupy the places of the state while it holds them")
	play(r, 103)
	require.Equal(t, 2, q.Drain(), "only blocks that did not take them have been played")
	play(r, 104)
	require.Zero(t, q.Drain())
	_, frames := logged(t, r)
	require.Equal(t, []int64{7, 8, 0}, frames[255:], "late commands go in the order of their arrival")
}

func TestCommandsOfOneDatagramStayTogetherPerFrame(t *testing.T) {
	r, w := small(t)
	q := cmdlog.NewQueue(w, nil)
	play(r, 1)
	b := commands(0, 5)
	b[0].Frame, b[2].Frame, b[4].Frame = 30000, 30000, 20000
	require.True(t, q.Push(b))
	require.Equal(t, 3, q.Drain())
	for n := uint64(2); q.Drain() > 0; n++ {
		play(r, n)
	}
	addresses, frames := logged(t, r)
	require.Equal(t, []int{1, 3, 4, 0, 2}, addresses)
	require.Equal(t, []int64{-1, -1, 20000, 30000, 30000}, frames)
}

// TestCommandsForOneFrameComeUnderOneSeal also has other commands between them
// in their datagram.
func TestCommandsForOneFrameComeUnderOneSeal(t *testing.T) {
	r, w := small(t)
	q := cmdlog.NewQueue(w, nil)
	play(r, 1)
	require.True(t, q.Push(commands(0, 100)))
	b := append(timed(0, 100, 5000), commands(0, 1)...)
	require.True(t, q.Push(append(b, timed(0, 100, 5000)...)))
	require.Equal(t, 200, q.Drain(), "156 would fit")
	play(r, 2)
	require.Zero(t, q.Drain())
}

func TestPlannedCommandsLeaveRoomForUntimedOnes(t *testing.T) {
	_, w := small(t)
	q := cmdlog.NewQueue(w, nil)
	n := 0
	for q.Push(timed(n, 16, 1_000_000)) {
		n += 16
	}
	require.Equal(t, cmdlog.HeldLength, n)
	require.Equal(t, n, q.Drain())
	for i := range (cmdlog.QueueLength - cmdlog.HeldLength) / 16 {
		require.True(t, q.Push(commands(i*16, 16)))
	}
	mixed := append(commands(5000, 1), timed(5000, 1, 1_000_000)...)
	require.False(t, q.Push(mixed), "refused whole")
	require.True(t, q.Push(mixed[:1]))
}

// TestLargeBundleIsNotStarvedBySmallOnes pushes a bundle that needs all the
// room of a block, or of a state.
func TestLargeBundleIsNotStarvedBySmallOnes(t *testing.T) {
	const start = 1000 // blocks
	one := func(frame int64) []command.Command { return []command.Command{{Frame: frame}} }
	large := func(frame int64) []command.Command {
		b := make([]command.Command, shm.HeadRoom)
		for i := range b {
			b[i] = command.Command{Address: 7, Frame: frame}
		}
		return b
	}
	for _, c := range []struct {
		name   string
		frame  int64
		within int // blocks
	}{
		{"untimed", command.Untimed, 1},
		{"timed", (start + 100) * 16, 104}, // the commands before its frame are played by then
	} {
		t.Run(c.name, func(t *testing.T) {
			r, w := small(t)
			got := false
			q := cmdlog.NewQueue(w, func(_ uint64, c command.Command) { got = got || c.Address == 7 })
			play(r, start)
			require.True(t, q.Push(append(one(command.Untimed), one((start+90)*16)...)))
			require.True(t, q.Push(large(c.frame)))
			for i := range int64(200) { // one more is due with every block
				require.True(t, q.Push(one((start+3+i)*16+ahead)))
			}
			require.False(t, got)
			for block := range uint64(c.within) {
				play(r, start+block+1)
				require.True(t, q.Push(one(command.Untimed)))
			}
			require.True(t, got)
		})
	}
}

func TestNewWriterCountsTheTimedCommandsInTheLog(t *testing.T) {
	r, w := small(t)
	play(r, 1)
	q := cmdlog.NewQueue(w, nil)
	require.True(t, q.Push(append(timed(0, 100, 5000), timed(100, 50, 5016)...)))
	require.Zero(t, q.Drain())
	again := cmdlog.NewWriter(r.Host, r.Player, r.Rings)
	require.Equal(t, cmdlog.Timed-150, again.TimedRoom())
	play(r, 5000/16+1)
	require.Equal(t, cmdlog.Timed-50, again.TimedRoom())
	play(r, 5016/16+1)
	require.Equal(t, cmdlog.Timed, again.TimedRoom())
}

// TestStateNeverHasToHoldMoreThanItCan pushes random bundles while the player
// plays on, and tracks what a worker's state holds: after every block, the
// commands it has taken whose frame is still to come.
func TestStateNeverHasToHoldMoreThanItCan(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r, w := small(t)
		type entry struct{ frame, number int64 }
		var log []entry // in the order of the log
		q := cmdlog.NewQueue(w, func(i uint64, c command.Command) {
			require.EqualValues(rt, len(log), i)
			log = append(log, entry{c.Frame, int64(c.Value)})
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
				var b []command.Command
				for range rapid.SampledFrom([]int{1, 1, 2, 30, 256}).Draw(rt, "commands") {
					frame := command.Untimed
					if len(b) > 0 && rapid.IntRange(0, 15).Draw(rt, "kind") > 0 {
						frame = b[len(b)-1].Frame
					} else if rapid.Bool().Draw(rt, "timed") {
						frame = max(0, int64(block)*16+rapid.Int64Range(-100, 30000).Draw(rt, "frame"))
					}
					b = append(b, command.Command{Frame: frame, Value: float64(pushed + len(b))})
				}
				if all := slices.Clone(b); q.Push(b) {
					for _, c := range all {
						sent[int64(c.Value)] = entry{c.Frame, int64(c.Value)}
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
		require.Len(rt, log, len(sent), "no command that was accepted is lost")
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
		q.Push([]command.Command{{Value: 1, Frame: command.Untimed}})
		q.Push([]command.Command{{Value: 1, Frame: int64(block+10) * 16}})
		play(r, block)
	}), 8.0)
	require.Zero(t, q.Drain())
}

// value returns a command that sets address to v.
func value(address uint32, v float64, frame int64) command.Command {
	return command.Command{Address: address, Value: v, Frame: frame}
}

func TestFullQueueKeepsTheLastValueOfEachParameterAtEachFrame(t *testing.T) {
	for _, c := range []struct {
		name  string
		frame int64
	}{
		{"untimed", command.Untimed},
		{"timed", 1_000_000},
		{"late", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, w := small(t)
			q := cmdlog.NewQueue(w, nil)
			play(r, 100)
			// Nothing is sealed meanwhile, so that nothing leaves but what the
			// log has room for at first.
			const n = 30000
			for i := range n {
				frame := c.frame
				if c.name == "late" {
					frame = int64(i % 1000) // each of them acts at once
				}
				require.True(t, q.Push([]command.Command{value(uint32(i%3), float64(i+1), frame)}), i)
			}
			for b := uint64(101); q.Drain() > 0; b++ {
				play(r, b)
			}
			last := map[uint32]float64{}
			for i := range r.Host.Head.Load() {
				var rec shm.LogRecord
				if cmdlog.Read(r.Host, i, &rec) {
					last[rec.Address] = rec.Float()
				}
			}
			require.Equal(t, map[uint32]float64{0: n - 2, 1: n - 1, 2: n}, last)
			_, coalesced := q.Waiting()
			require.Positive(t, coalesced)
			require.EqualValues(t, n, r.Host.Head.Load()+coalesced, "each is in the log or superseded")
		})
	}
}

// TestNewParameterFindsRoomAmongOldValuesOfOthers fills the queue with values
// of one parameter, and then sets another once.
func TestNewParameterFindsRoomAmongOldValuesOfOthers(t *testing.T) {
	r, w := small(t)
	q := cmdlog.NewQueue(w, nil)
	for waiting := 0; waiting < cmdlog.QueueLength; waiting, _ = q.Waiting() {
		require.True(t, q.Push(commandsFor(7, 1)))
	}
	require.True(t, q.Push(commandsFor(8, 1)))
	waiting, coalesced := q.Waiting()
	require.Equal(t, 2, waiting, "the last value of each")
	require.EqualValues(t, cmdlog.QueueLength-1, coalesced)
	play(r, 1)
	require.Zero(t, q.Drain())
}

// commandsFor returns n commands for one parameter.
func commandsFor(address uint32, n int) []command.Command {
	c := make([]command.Command, n)
	for i := range c {
		c[i] = value(address, float64(i), command.Untimed)
	}
	return c
}

// TestRefusedCommandDoesNotCostTheValueBeforeIt refuses a bundle that
// supersedes some of what waits but has no room for the rest.
func TestRefusedCommandDoesNotCostTheValueBeforeIt(t *testing.T) {
	_, w := small(t)
	q := cmdlog.NewQueue(w, nil)
	n := 0
	for q.Push(commands(n, 1)) {
		n++
	}
	before, coalesced := q.Waiting()
	require.Equal(t, cmdlog.QueueLength, before)
	require.Zero(t, coalesced)
	require.False(t, q.Push([]command.Command{
		value(uint32(n-1), 1, command.Untimed), value(uint32(n+1), 1, command.Untimed),
	}))
	after, coalesced := q.Waiting()
	require.Equal(t, before, after)
	require.Zero(t, coalesced)
	require.True(t, q.Push([]command.Command{value(uint32(n-1), 1, command.Untimed)}))
}

// TestLastValueWinsHoweverMuchIsSent pushes random bundles faster than they are
// sealed. The last value of each parameter in the log must be the last one that
// was accepted.
func TestLastValueWinsHoweverMuchIsSent(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r, w := small(t)
		type result struct {
			address uint32
			timed   bool
		}
		got, want := map[result]float64{}, map[result]float64{}
		logged := uint64(0)
		q := cmdlog.NewQueue(w, func(_ uint64, c command.Command) {
			logged++
			got[result{c.Address, c.Timed()}] = c.Value
		})
		const frame = 100_000
		params := rapid.Uint32Range(1, 1500).Draw(rt, "parameters")
		sent, refused, block := uint64(0), uint64(0), uint64(0)
		for range rapid.IntRange(1, 25).Draw(rt, "rounds") {
			size := rapid.SampledFrom([]int{1, 2, 30, 256}).Draw(rt, "size")
			from := rapid.Uint32().Draw(rt, "from")
			timed := rapid.Bool().Draw(rt, "timed")
			for n := range rapid.IntRange(1, 60).Draw(rt, "pushes") {
				b := make([]command.Command, size)
				for i := range b {
					b[i] = value((from+uint32(n*size+i)*7)%params, float64(sent)+float64(i), command.Untimed)
					if timed {
						b[i].Frame = frame
					}
				}
				sent += uint64(size)
				all := slices.Clone(b)
				if !q.Push(b) {
					refused += uint64(size)
					continue
				}
				for _, c := range all {
					want[result{c.Address, c.Timed()}] = c.Value
				}
			}
			if rapid.Bool().Draw(rt, "seal") {
				block++
				play(r, block)
			}
		}
		for ; q.Drain() > 0; block++ {
			play(r, block+1)
		}
		require.Equal(rt, want, got)
		_, coalesced := q.Waiting()
		require.Equal(rt, sent, logged+coalesced+refused)
		if params < 500 {
			require.Zero(rt, refused, "no more than that many values matter")
		}
	})
}
