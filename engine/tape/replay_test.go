package tape

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestReplayOfAHealthySessionFindsNothing(t *testing.T) {
	s := newSession(t)
	s.deliver(10)
	s.send(0.25)
	s.deliver(5)
	s.send(-0.5, 0.125)
	s.deliver(5)
	got := s.mustReplay(t, nil)
	require.Equal(t, &Result{Blocks: 20, Commands: 3, Compared: 80, Replicated: 20}, got)
}

func TestReplayFindsTheFirstDifferingFrame(t *testing.T) {
	s := newSession(t)
	s.deliver(10)
	b := s.blocks()
	want := b[7].Samples[2]
	b[7].Samples[2] = math.Float32frombits(math.Float32bits(want) ^ 1)
	b[7].Samples[3]++
	b[9].Samples[0] = float32(math.NaN())
	got := s.mustReplay(t, nil)
	require.EqualValues(t, 3, got.Differing)
	require.EqualValues(t, 40, got.Compared)
	require.Equal(t, &Diff{Block: 7, Frame: 30, Got: math.Float32bits(want) ^ 1, Want: math.Float32bits(want)}, got.FirstDiff)
	require.Contains(t, got.FirstDiff.String(), "block 7, frame 30, channel 0: got ")
}

func TestReplayNoticesTheSignOfZero(t *testing.T) {
	s := newSession(t)
	s.deliver(1)
	b := s.blocks()[0]
	require.Zero(t, b.Samples[0])
	b.Samples[0] = float32(math.Copysign(0, -1))
	got := s.mustReplay(t, nil)
	require.EqualValues(t, 1, got.Differing)
}

// A command that is applied a block early or late sounds different from what
// the sealed commands ask for.
func TestReplayNoticesACommandInTheWrongBlock(t *testing.T) {
	for name, move := range map[string]int{"early": -1, "late": +1} {
		t.Run(name, func(t *testing.T) {
			s := newSession(t)
			s.send(0.5)
			s.deliver(5)
			s.send(0.75)
			s.deliver(5)
			at := 5 + min(move, 0)
			s.blocks()[at].Cutoff = uint64(2 + min(-move, 0))
			// On the tape both commands come before the first block, so that
			// either cutoff is valid.
			slices.SortStableFunc(s.records, func(a, b any) int {
				rank := func(r any) int {
					if _, ok := r.(*Command); ok {
						return 0
					}
					return 1
				}
				return rank(a) - rank(b)
			})
			got := s.mustReplay(t, nil)
			require.EqualValues(t, 4, got.Differing)
			require.EqualValues(t, at, got.FirstDiff.Block)
		})
	}
}

func TestReplayFollowsTheStateThroughOutages(t *testing.T) {
	for name, play := range map[string]func(*session){
		"never rendered":             func(s *session) { s.outage(3) },
		"rendered too late":          func(s *session) { s.late(3) },
		"late first, then an outage": func(s *session) { s.late(2); s.outage(3) },
		"commands during an outage": func(s *session) {
			s.outage(1)
			s.send(0.3)
			s.outage(1)
			s.send(0.4, 0.2)
			s.outage(1)
		},
		"commands during late blocks": func(s *session) {
			s.send(0.3)
			s.late(1)
			s.send(0.4)
			s.late(1)
			s.send(0.7)
			s.outage(1)
		},
		"two in a row":         func(s *session) { s.outage(2); s.deliver(1); s.send(0.1); s.outage(2) },
		"late after an outage": func(s *session) { s.outage(2); s.send(0.3); s.late(2) },
		"late between two outages": func(s *session) {
			s.outage(2)
			s.late(1)
			s.send(0.3)
			s.outage(3)
			s.late(2)
			s.outage(1)
		},
		"more outage than is held":       func(s *session) { s.outage(maxHeld + 10) },
		"more late blocks than are held": func(s *session) { s.late(maxHeld + 10) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSession(t)
			s.send(0.5)
			s.deliver(4)
			play(s)
			s.deliver(4)
			s.check(t)
		})
	}
}

func TestReplayFollowsAStartWithoutSound(t *testing.T) {
	s := newSession(t)
	s.send(0.5)
	s.outage(5)
	s.deliver(3)
	s.check(t)
}

// check replays a session in which everything was right: nothing differs, and
// every reference is the one that the session expects.
func (s *session) check(t *testing.T) *Result {
	visited := 0
	got := s.mustReplay(t, func(b *Block, want []float32) {
		require.EqualValues(t, visited, b.Block, "blocks are visited in the order of the tape")
		visited++
		if due := s.want[b.Block]; due == nil || want != nil {
			require.Equal(t, due, want, "block %d", b.Block)
		} else { // of more lost blocks than are held, the earliest have no reference
			require.NotZero(t, b.Flags&FlagLost)
			require.Greater(t, len(s.want), maxHeld)
		}
	})
	require.Equal(t, len(s.blocks()), visited)
	require.Zero(t, got.Differing)
	require.Nil(t, got.FirstDiff)
	require.Zero(t, got.Gaps+got.Dups+got.Disagree)
	require.EqualValues(t, len(s.log), got.Commands)
	require.Equal(t, (got.Blocks-got.Lost)*uint64(s.h.Frames), got.Compared)
	return got
}

func TestReplayFollowsAnySession(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newSession(rt)
		for range rapid.IntRange(0, 30).Draw(rt, "steps") {
			n := rapid.IntRange(1, 4).Draw(rt, "n")
			switch rapid.IntRange(0, 4).Draw(rt, "step") {
			case 0:
				for range n {
					s.send(rapid.Float64Range(-1, 1).Draw(rt, "value"))
				}
			case 1:
				s.deliver(n)
			case 2:
				s.late(n)
			case 3:
				s.outage(n)
			case 4: // timed commands, some of them late, some pending through an outage
				for range n {
					frame := int64(s.block)*int64(s.h.Frames) + rapid.Int64Range(-10, 60).Draw(rt, "frame")
					s.sendAt(max(frame, 0), rapid.Float64Range(-1, 1).Draw(rt, "value"))
				}
			}
		}
		s.deliver(1) // shows what was rendered of the blocks before it
		s.check(t)
	})
}

func TestReplayNoticesATimedCommandOnTheWrongFrame(t *testing.T) {
	for _, off := range []int64{-1, 1} {
		s := newSession(t)
		s.sendAt(10, 0.5)
		s.deliver(5)
		s.check(t)
		s.records[0].(*Command).Frame += off
		got := s.mustReplay(t, nil)
		require.EqualValues(t, 1, got.Differing)
		require.EqualValues(t, 10+min(off, 0), got.FirstDiff.Frame)
	}
}

func TestAnOutageAtTheEndOfATapeHasNoReference(t *testing.T) {
	s := newSession(t)
	s.deliver(2)
	s.outage(3)
	require.EqualValues(t, 3, s.check(t).Lost)
}

// A poisoned command makes the engine continue from a state before blocks that
// have been heard.
func TestReplayCountsDeliveredBlocksThatItRewinds(t *testing.T) {
	s := newSession(t)
	s.deliver(3)
	s.send(0.5)
	s.deliver(4)
	s.send(0.25)
	s.outage(2)
	s.continueFrom(3) // blocks 3 to 6 were heard
	s.deliver(5)
	require.EqualValues(t, 4, s.check(t).Rewound)

	s.continueFrom(0)
	s.outage(1)
	s.deliver(1)
	require.EqualValues(t, 4+8, s.check(t).Rewound)
}

// A worker may have rendered a lost block although the player continued from a
// state before it. What later blocks continue from decides.
func TestReplayLeavesOutLateBlocksThatLaterOnesSkip(t *testing.T) {
	s := newSession(t)
	s.deliver(4)
	s.send(0.5)
	s.late(2)
	for n := range uint64(2) {
		delete(s.want, 4+n)
	}
	s.continueFrom(4)
	s.outage(1)
	s.late(1)
	s.deliver(3)
	require.Zero(t, s.check(t).Rewound)
}

func TestReplayRewindsForALostBlockToo(t *testing.T) {
	s := newSession(t)
	s.deliver(6)
	s.continueFrom(4)
	s.outage(1)
	s.late(1)
	s.deliver(2)
	require.EqualValues(t, 2, s.check(t).Rewound)
}

func TestReplayFadesTheLastBlockOfAnOrderlyStop(t *testing.T) {
	s := newSession(t)
	s.send(0.5)
	s.deliver(4)
	s.fade()
	s.check(t)
	s.blocks()[3].Samples[0]++
	got := s.mustReplay(t, nil)
	require.EqualValues(t, 1, got.Differing, "the faded block is compared, too")
}

func TestReplayCountsGapsAndDups(t *testing.T) {
	s := newSession(t)
	s.deliver(10)
	b := s.records
	// Blocks 0, 3 and 4 are missing where they are due; 2 comes twice, 3 too
	// late.
	s.records = []any{b[1], b[2], b[2], b[5], b[3], b[6], b[7], b[8], b[9]}
	nils := 0
	got := s.mustReplay(t, func(_ *Block, want []float32) {
		if want == nil {
			nils++
		}
	})
	require.EqualValues(t, 3, got.Gaps)
	require.EqualValues(t, 2, got.Dups)
	require.Equal(t, 2, nils)
	require.EqualValues(t, 7*4, got.Compared)
	require.Zero(t, got.Differing, "the state continues through a gap")
}

func TestReplayCountsDisagreement(t *testing.T) {
	for name, c := range map[string]struct {
		lost     bool
		sums     []uint64
		disagree uint64
	}{
		"all equal":               {false, []uint64{100, 100, 100}, 0},
		"one replica without":     {false, []uint64{100, 0, 100}, 0},
		"every replica without":   {false, []uint64{0, 0, 0}, 0},
		"one differs":             {false, []uint64{100, 0, 101}, 1},
		"the block heard differs": {false, []uint64{101, 101, 0}, 1},
		"lost, equal":             {true, []uint64{7, 7, 0}, 0},
		"lost, one differs":       {true, []uint64{7, 0, 8}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSession(t)
			if c.lost {
				s.late(1)
			}
			s.deliver(1)
			copy(s.blocks()[0].Sums, c.sums)
			got := s.mustReplay(t, nil)
			require.Equal(t, c.disagree, got.Disagree)
		})
	}
}

func TestReplayRefusesRecordsThatContradictEachOther(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*session)
		want string
	}{
		"command missing":    {func(s *session) { s.records = slices.Delete(s.records, 0, 1) }, "found command 1 where command 0 is due"},
		"command twice":      {func(s *session) { s.records = slices.Insert(s.records, 0, s.records[0]) }, "found command 0 where command 1 is due"},
		"command too late":   {func(s *session) { slices.Reverse(s.records[:3]) }, "block 0 takes the commands below 2, but the tape has only 0 so far"},
		"cutoff goes back":   {func(s *session) { s.blocks()[2].Cutoff = 1 }, "block 2 takes the commands below 1, but the block before it took those below 2"},
		"prev in the future": {func(s *session) { s.blocks()[2].Prev = 3 }, "block 2 continues from block 2, which is not before it"},
		"prev of a lost block in the future": {func(s *session) {
			s.late(1)
			s.deliver(1)
			s.blocks()[6].Prev = 8
		}, "block 6 continues from block 7, which is not before it"},
		"another session": {func(s *session) { s.blocks()[5].Block += maxGap + 1 }, "found block 65542 where block 5 is due"},
		"prev never rendered": {func(s *session) {
			s.outage(2)
			s.deliver(1)
			s.after[8] = s.after[6]
			s.continueFrom(8)
			s.deliver(1)
		}, "continues from block 7, which was never rendered"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSession(t)
			s.send(0.1, 0.2)
			s.deliver(3)
			s.deliver(3)
			c.edit(s)
			_, err := s.replay(t, nil)
			require.ErrorIs(t, err, ErrInconsistent)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestReplayRefusesAProgramForAnotherRate(t *testing.T) {
	s := newSession(t)
	s.h.Rate = 48000
	_, err := s.replay(t, nil)
	require.ErrorIs(t, err, ErrInconsistent)
}

func TestReplayOfATruncatedTapeKeepsItsResult(t *testing.T) {
	s := smallSession(t)
	tape := s.encode(t)
	got, err := Replay(newReader(t, tape[:len(tape)-1]), s.prog, nil)
	require.ErrorIs(t, err, ErrUnfinished)
	require.EqualValues(t, 12, got.Compared)
}

// The number of states kept is limited, nothing grows with the length of a
// tape, and going back further than the states kept is refused.
func TestReplayKeepsABoundedPast(t *testing.T) {
	p := testProgram(t)
	line := newTimeline(p)
	line.moments = line.moments[:minStates]
	out := make([]float32, testHeader.Frames)
	for i := range uint64(10 * minStates) {
		line.command(&Command{Index: i, Value: float64(i), Frame: -1})
		line.jump(line.last().next, line.seen(), true, out)
	}
	require.LessOrEqual(t, len(line.commands), minStates)
	_, ok := line.rewind(9*minStates - 1)
	require.False(t, ok)
	n, ok := line.rewind(9*minStates + 1)
	require.True(t, ok)
	require.EqualValues(t, minStates-1, n)
	// The commands since then are still there.
	line.jump(line.last().next, line.seen(), true, out)
	require.EqualValues(t, 10*minStates-1, math.Float64frombits(line.last().st[level]))
}

func FuzzReader(f *testing.F) {
	tape := smallSession(f).encode(f)
	f.Add(tape)
	f.Add(tape[:len(tape)-30])
	f.Add([]byte(magic + "H\xff\xff\x3f\x00{"))
	prog := testProgram(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := NewReader(bytes.NewReader(b), "fuzz")
		if err != nil {
			return
		}
		if limit := headSize + blockSize + 8*maxSlots + 4*maxSamples + sumSize; cap(r.rec) > limit {
			t.Fatalf("a buffer of %d bytes", cap(r.rec))
		}
		res, err := Replay(r, prog, nil)
		if err != nil && res.Compared > 0 && !errors.Is(err, ErrUnfinished) && !errors.Is(err, ErrInconsistent) {
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) {
				t.Fatal(err)
			}
		}
	})
}

// packRecords encodes records for a fuzzer: per record a byte, odd for a
// command and even for a block, and its payload. It leaves out what a tape adds
// to that, above all the checksums, which a fuzzer cannot compute.
func packRecords(records []any) (b []byte) {
	p := make([]byte, testHeader.blockPayload())
	for _, rec := range records {
		switch rec := rec.(type) {
		case *Command:
			putCommand(p, rec)
			b = append(append(b, 1), p[:commandSize]...)
		case *Block:
			putBlock(p, rec)
			b = append(append(b, 0), p...)
		}
	}
	return b
}

// unpackRecords decodes what packRecords encoded, as far as b has whole
// records.
func unpackRecords(b []byte) (records []any) {
	n := testHeader.blockPayload()
	for len(b) > 0 {
		command := b[0]&1 == 1
		b = b[1:]
		switch {
		case command && len(b) >= commandSize:
			c := &Command{}
			getCommand(b, c)
			records = append(records, c)
			b = b[commandSize:]
		case !command && len(b) >= n:
			rec := &Block{Sums: make([]uint64, testHeader.Slots), Samples: make([]float32, testHeader.samples())}
			getBlock(b, rec)
			records = append(records, rec)
			b = b[n:]
		default:
			return records
		}
	}
	return records
}

// FuzzReplay replays intact records of any content.
func FuzzReplay(f *testing.F) {
	s := smallSession(f)
	s.continueFrom(1)
	s.deliver(2)
	s.late(1)
	s.deliver(1)
	require.Equal(f, s.records, unpackRecords(packRecords(s.records)))
	f.Add(packRecords(s.records))
	prog := testProgram(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		visits := uint64(0)
		res, err := Replay(newReader(t, encode(t, testHeader, unpackRecords(b))), prog, func(*Block, []float32) { visits++ })
		if err == nil && (res.Blocks != visits || res.Blocks != res.Lost+res.Dups+res.Compared/uint64(testHeader.Frames)) {
			t.Fatalf("%d visits, %+v", visits, res)
		}
		if err != nil {
			require.ErrorIs(t, err, ErrInconsistent)
		}
	})
}
