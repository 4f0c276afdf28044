package worker

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/command"
	"chronus/engine/dsp"
	"chronus/engine/internal/cmdlog"
	"chronus/engine/internal/ring"
	"chronus/engine/internal/shm"
	"chronus/engine/patch"
	"chronus/engine/player"
	"chronus/engine/rig"
	"chronus/engine/tape"
)

const testPatch = `
out = "out"
[[module]]
id = "step"
kind = "const"
[[module]]
id = "sine1"
kind = "sine"
[[module]]
id = "noise1"
kind = "noise"
[[module]]
id = "out"
kind = "mix"
in = ["step", "sine1", "noise1"]
`

// session is an engine in one goroutine: a player, workers that step on demand,
// and a tape of it all.
type session struct {
	*rig.Rig
	t        testing.TB
	code     *patch.Compiled
	log      *cmdlog.Writer
	queue    *cmdlog.Queue
	player   *player.Player
	workers  []*Worker // by slot; nil: no worker
	commands []tape.Command
	rnd      *rand.Rand
}

func newSession(t testing.TB, lead int, seed uint64) *session {
	p, err := patch.Parse("test", []byte(testPatch))
	require.NoError(t, err)
	c, err := p.Compile(44100, 16)
	require.NoError(t, err)
	g, err := shm.NewGeometry(44100, 16, 1, lead, 2, 2, c.Program.Words(), false)
	require.NoError(t, err)
	s := &session{
		Rig: rig.New(t, g), t: t, code: c, workers: make([]*Worker, g.Slots),
		rnd: rand.New(rand.NewPCG(seed, 1)),
	}
	s.log = cmdlog.NewWriter(s.Host, s.Player, s.Rings)
	s.queue = cmdlog.NewQueue(s.log, func(i uint64, c command.Command) {
		s.commands = append(s.commands, tape.Command{Index: i, Address: c.Address, Value: c.Value, Frame: -1})
	})
	s.player = player.New(s.Roster)
	return s
}

// spawn starts a worker, which renders from its first step on, in a slot whose
// ring is no longer needed.
func (s *session) spawn(slot int) {
	require.NoError(s.t, shm.ZeroRing(s.RingFiles[slot], s.Rings[slot]))
	s.Host.Slots[slot].Idle.Store(s.Term(slot))
	prog, err := dsp.Decode(s.code.Program.Encode())
	require.NoError(s.t, err)
	w, err := New(s.Roster, s.Rings[slot], slot, prog)
	require.NoError(s.t, err)
	s.Own(slot, shm.StateIdle)
	s.workers[slot] = w
	s.Activate(slot)
	w.restore()
}

// kill lets the worker die while it publishes its next block: part of the entry
// is the new block, part is not.
func (s *session) kill(slot int) {
	w := s.workers[slot]
	e, samples, state := w.own.Entry(w.next)
	e.Block = w.next + 1
	if s.rnd.IntN(2) == 0 {
		samples[0], state[0] = 1e9, 1<<63
	}
	s.Kill(slot)
	s.workers[slot] = nil
}

// step lets a worker render every block that is due.
func (s *session) step(slot int) {
	w := s.workers[slot]
	for {
		sealed := s.Player.Sealed.Load()
		if b, ok := w.due(sealed); ok && b >= sealed {
			return
		}
		require.NoError(s.t, w.Step())
	}
}

func (s *session) play(out []float32) { require.True(s.t, s.player.Callback(out)) }

// schedule puts a timed command into the log.
func (s *session) schedule(frame int64, address uint32, value float64) {
	if s.log.Room() == 0 {
		return
	}
	i := s.log.Head()
	s.log.Append(command.Command{Address: address, Value: value, Frame: command.Untimed})
	r := &s.Host.Records[i&uint64(s.Host.Geo.LogRecords-1)]
	r.Frame = frame
	r.Sum = shm.RecordSum(r)
	s.log.Commit()
	s.commands = append(s.commands, tape.Command{Index: i, Address: address, Value: value, Frame: frame})
}

// replay writes everything to a tape and renders it again.
func (s *session) replay() *tape.Result {
	g := s.Host.Geo
	path := filepath.Join(s.t.TempDir(), "tape")
	w, err := tape.Create(path, tape.Header{
		Version: tape.Version, Rate: int(g.Rate), Frames: int(g.Frames), Channels: int(g.Channels),
		Lead: int(g.Lead), Replicas: 2, Spares: 2, Slots: int(g.Slots), Ring: int(g.Ring),
		Patch: "test", PatchText: testPatch,
	})
	require.NoError(s.t, err)
	for i := range s.commands {
		require.NoError(s.t, w.Command(&s.commands[i]))
	}
	b := tape.Block{Sums: make([]uint64, g.Slots), Samples: make([]float32, g.Samples())}
	for n := range s.Player.Playout.Load() {
		d, samples := s.Player.Delivered(n)
		require.Equal(s.t, n+1, d.Block.Load())
		b.Block, b.Prev, b.Cutoff, b.Sealed = n, d.Prev, d.Cutoff, d.Sealed
		b.Slot, b.Flags, b.Sum = d.Slot, d.Flags, d.Sum
		copy(b.Sums, d.Sums[:])
		copy(b.Samples, samples)
		require.NoError(s.t, w.Block(&b))
	}
	require.NoError(s.t, w.Close())
	r, err := tape.Open(path)
	require.NoError(s.t, err)
	defer r.Close()
	res, err := tape.Replay(r, s.code.Program, nil)
	if err != nil && !errors.Is(err, io.EOF) {
		require.NoError(s.t, err)
	}
	return res
}

// TestNoFaultIsHeard plays with random commands, kills and respawns, of one
// worker or of both at a time but always with one to take over, and compares
// every delivered block with a render from the beginning.
func TestNoFaultIsHeard(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			s := newSession(t, 1+int(seed)%5, seed)
			s.spawn(0)
			s.spawn(1)
			out := make([]float32, s.Host.Geo.Samples())
			address, err := s.code.Address("step", "value")
			require.NoError(t, err)
			for range 400 {
				for range s.rnd.IntN(4) {
					require.True(t, s.queue.Push([]command.Command{{Address: address, Value: s.rnd.Float64(), Frame: command.Untimed}}))
				}
				for range s.rnd.IntN(3) { // up to a few blocks ahead, sometimes too late
					frame := int64(s.Player.Sealed.Load())*16 + s.rnd.Int64N(100) - 10
					s.schedule(max(frame, 0), address, s.rnd.Float64())
				}
				for _, slot := range s.rnd.Perm(len(s.workers)) {
					if s.workers[slot] != nil && s.rnd.IntN(8) > 0 { // sometimes one is late
						s.step(slot)
					}
				}
				s.mischief()
				s.play(out)
			}
			res := s.replay()
			require.Nil(t, res.FirstDiff)
			require.Zero(t, res.Lost)
			require.Zero(t, res.Disagree)
			require.EqualValues(t, 400*16, res.Compared)
			require.Positive(t, res.Replicated)
			require.NotZero(t, s.Player.Switches.Load())
		})
	}
}

// mischief kills workers and starts others, and makes sure that a live one has
// rendered what is due, which in the real engine is what spares are for.
func (s *session) mischief() {
	if s.rnd.IntN(4) == 0 && len(s.free()) >= 2 {
		for _, slot := range s.live()[s.rnd.IntN(2):] {
			s.kill(slot)
		}
	}
	for want := 1 + s.rnd.IntN(2); len(s.live()) < want && len(s.free()) > 0; {
		s.spawn(s.free()[0])
	}
	s.step(s.live()[0])
}

func (s *session) live() (slots []int) {
	for slot, w := range s.workers {
		if w != nil {
			slots = append(slots, slot)
		}
	}
	return slots
}

// free returns the slots whose rings are no longer needed: every block in them
// was played, and another ring holds a state that is as new.
func (s *session) free() (slots []int) {
	for slot, w := range s.workers {
		mine := s.Rings[slot].Published.Load()
		if w != nil || mine > s.Player.Playout.Load() {
			continue
		}
		newer := mine == 0
		for other, r := range s.Rings {
			newer = newer || other != slot && r.Published.Load() >= mine
		}
		if newer {
			slots = append(slots, slot)
		}
	}
	return slots
}

// TestAfterAnOutageTheStateContinues lets no worker render for a while. Frames
// are lost, and then the state continues where it stood, in every worker at the
// same block.
func TestAfterAnOutageTheStateContinues(t *testing.T) {
	for _, blocks := range []int{1, 5, 13, 14, 40, 200} {
		t.Run(fmt.Sprint(blocks, " blocks"), func(t *testing.T) {
			s := newSession(t, 3, uint64(blocks))
			s.spawn(0)
			out := make([]float32, s.Host.Geo.Samples())
			address, err := s.code.Address("step", "value")
			require.NoError(t, err)
			play := func(n int, slots ...int) {
				for range n {
					require.True(t, s.queue.Push([]command.Command{{Address: address, Value: s.rnd.Float64(), Frame: command.Untimed}}))
					for _, slot := range slots {
						s.step(slot)
					}
					s.play(out)
				}
			}
			play(50, 0)
			s.kill(0)
			play(2) // what the dead worker had finished
			require.Zero(t, s.Player.Lost.Load())
			play(blocks)
			require.EqualValues(t, blocks*16, s.Player.Lost.Load())
			s.spawn(1)
			play(1, 1)
			s.spawn(2)
			play(50, 2, 1)
			require.LessOrEqual(t, s.Player.Lost.Load(), uint64(blocks*16))
			res := s.replay()
			require.Nil(t, res.FirstDiff)
			require.EqualValues(t, blocks, res.Lost)
			require.Zero(t, res.Disagree)
		})
	}
}

func TestStepAndCallbackAllocateNothing(t *testing.T) {
	s := newSession(t, 3, 1)
	s.spawn(0)
	s.spawn(1)
	out := make([]float32, s.Host.Geo.Samples())
	w := s.workers[0]
	require.Zero(t, testing.AllocsPerRun(200, func() {
		for w.next < s.Player.Sealed.Load() {
			if err := w.Step(); err != nil {
				panic(err)
			}
		}
		s.player.Callback(out)
	}))
}

func TestRestoreTakesNothingThatDoesNotVerify(t *testing.T) {
	s := newSession(t, 3, 1)
	s.spawn(0)
	out := make([]float32, s.Host.Geo.Samples())
	for range 20 {
		s.step(0)
		s.play(out)
	}
	s.step(0)
	want := s.workers[0].next
	for back := range uint64(3) { // flip a bit in each of the three newest states
		_, _, state := s.Rings[0].Entry(want - 1 - back)
		state[0] ^= 1
	}
	s.spawn(1)
	require.Equal(t, want-3, s.workers[1].next)
	s.step(1)
	require.Equal(t, want, s.workers[1].next)
	again := ring.Sum(s.Rings[1], want-1)
	require.Equal(t, ring.Sum(s.Rings[0], want-1), again, "rendered again, the same bits")
}

func TestSealOfAnotherEngineEndsTheWorker(t *testing.T) {
	s := newSession(t, 3, 1)
	s.spawn(0)
	s.step(0)
	s.play(make([]float32, s.Host.Geo.Samples()))
	b := s.workers[0].next
	s.Player.Seals[b].Word.Store(s.Player.Seals[b].Word.Load() ^ 1<<50)
	require.ErrorContains(t, s.workers[0].Step(), "seal of block")
}

func BenchmarkStep(b *testing.B) {
	s := newSession(b, 3, 1)
	s.spawn(0)
	out := make([]float32, s.Host.Geo.Samples())
	b.ReportAllocs()
	for b.Loop() {
		s.step(0)
		s.player.Callback(out)
	}
}
