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
	got, err := s.replay(t, nil)
	require.NoError(t, err)
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
	got, err := s.replay(t, nil)
	require.NoError(t, err)
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
	got, err := s.replay(t, nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, got.Differing)
}

// A command applied a block early or late, left out, or applied twice is heard as another sound than the sealed commands ask for.
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
			// The tape has the command before the first block, so that both are in the log in time.
			slices.SortStableFunc(s.records, func(a, b any) int {
				rank := func(r any) int {
					if _, ok := r.(*Command); ok {
						return 0
					}
					return 1
				}
				return rank(a) - rank(b)
			})
			got, err := s.replay(t, nil)
			require.NoError(t, err)
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
		"commands during it":         func(s *session) { s.outage(1); s.send(0.3); s.outage(1); s.send(0.4, 0.2); s.outage(1) },
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
		"longer than what is kept": func(s *session) { s.outage(maxHeld + 10) },
		"late for longer":          func(s *session) { s.late(maxHeld + 10) },
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

// check holds a replay to what the session knows: nothing differs, and every reference is the one that is due.
func (s *session) check(t *testing.T) *Result {
	visited := []uint64{}
	got, err := s.replay(t, func(b *Block, want []float32) {
		visited = append(visited, b.Block)
		require.Equal(t, uint64(len(visited))-1, b.Block, "in the order of the tape")
		if due := s.want[b.Block]; due == nil || want != nil { // of very many lost ones the earliest have no reference
			require.Equal(t, due, want, "block %d", b.Block)
		} else {
			require.NotZero(t, b.Flags&FlagLost)
			require.Greater(t, len(s.want), maxHeld)
		}
	})
	require.NoError(t, err)
	require.Len(t, visited, len(s.blocks()))
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
			case 4: // some come late, some wait through an outage
				for range n {
					frame := int64(s.block)*int64(s.h.Frames) + rapid.Int64Range(-10, 60).Draw(rt, "frame")
					s.sendAt(max(frame, 0), rapid.Float64Range(-1, 1).Draw(rt, "value"))
				}
			}
		}
		s.deliver(1) // the end shows what was rendered
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
		got, err := s.replay(t, nil)
		require.NoError(t, err)
		require.EqualValues(t, 1, got.Differing)
		require.EqualValues(t, 10+min(off, 0), got.FirstDiff.Frame)
	}
}

func TestReplayOfATapeThatEndsInAnOutageHasNoReferenceForIt(t *testing.T) {
	s := newSession(t)
	s.deliver(2)
	s.outage(3)
	require.EqualValues(t, 3, s.check(t).Lost)
}

// A poisoned command makes the engine go on from an earlier state than the last one heard.
func TestReplayGoesBackBehindDeliveredBlocksAndCountsThem(t *testing.T) {
	s := newSession(t)
	s.deliver(3)
	s.send(0.5)
	s.deliver(4)
	s.send(0.25)
	s.outage(2)
	s.goOnFrom(3) // blocks 3 to 6 were heard
	s.deliver(5)
	require.EqualValues(t, 4, s.check(t).Rewound)

	s.goOnFrom(0)
	s.outage(1)
	s.deliver(1)
	require.EqualValues(t, 4+8, s.check(t).Rewound)
}

// A worker may have rendered a lost block although the player has let the music go on from before it: the last word counts.
func TestReplayLeavesOutLateBlocksThatTheMusicWentAround(t *testing.T) {
	s := newSession(t)
	s.deliver(4)
	s.send(0.5)
	s.late(2)
	for n := range uint64(2) {
		delete(s.want, 4+n)
	}
	s.goOnFrom(4)
	s.outage(1)
	s.late(1)
	s.deliver(3)
	require.Zero(t, s.check(t).Rewound)
}

func TestReplayGoesBackByALostBlockToo(t *testing.T) {
	s := newSession(t)
	s.deliver(6)
	s.goOnFrom(4)
	s.outage(1)
	s.late(1)
	s.deliver(2)
	require.EqualValues(t, 2, s.check(t).Rewound)
}

func TestReplayFadesTheLastBlockOfAnOrderedStop(t *testing.T) {
	s := newSession(t)
	s.send(0.5)
	s.deliver(4)
	s.fade()
	s.check(t)
	s.blocks()[3].Samples[0]++
	got, err := s.replay(t, nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, got.Differing, "it is held to its reference too")
}

func TestReplayCountsGapsAndDups(t *testing.T) {
	s := newSession(t)
	s.deliver(10)
	b := s.records
	s.records = []any{b[1], b[2], b[2], b[5], b[3], b[6], b[7], b[8], b[9]} // 0, 3 and 4 missing; 2 twice, 3 too late
	nils := 0
	got, err := s.replay(t, func(_ *Block, want []float32) {
		if want == nil {
			nils++
		}
	})
	require.NoError(t, err)
	require.EqualValues(t, 3, got.Gaps)
	require.EqualValues(t, 2, got.Dups)
	require.Equal(t, 2, nils)
	require.EqualValues(t, 7*4, got.Compared)
	require.Zero(t, got.Differing, "the state goes on through a gap")
}

func TestReplayCountsDisagreement(t *testing.T) {
	for name, c := range map[string]struct {
		lost     bool
		sums     []uint64
		disagree uint64
	}{
		"all the same":          {false, []uint64{100, 100, 100}, 0},
		"one had none":          {false, []uint64{100, 0, 100}, 0},
		"nobody had one":        {false, []uint64{0, 0, 0}, 0},
		"another one":           {false, []uint64{100, 0, 101}, 1},
		"the heard one differs": {false, []uint64{101, 101, 0}, 1},
		"lost, the same":        {true, []uint64{7, 7, 0}, 0},
		"lost, another one":     {true, []uint64{7, 0, 8}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSession(t)
			if c.lost {
				s.late(1)
			}
			s.deliver(1)
			copy(s.blocks()[0].Sums, c.sums)
			got, err := s.replay(t, nil)
			require.NoError(t, err)
			require.Equal(t, c.disagree, got.Disagree)
		})
	}
}

func TestReplayRefusesRecordsThatContradictEachOther(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*session)
		want string
	}{
		"command left out":   {func(s *session) { s.records = slices.Delete(s.records, 0, 1) }, "command 1 where 0 is due"},
		"command twice":      {func(s *session) { s.records = slices.Insert(s.records, 0, s.records[0]) }, "command 0 where 1 is due"},
		"command too late":   {func(s *session) { slices.Reverse(s.records[:3]) }, "block 0 takes commands below 2, the tape has 0 so far"},
		"cutoff goes back":   {func(s *session) { s.blocks()[2].Cutoff = 1 }, "block 2 takes commands below 1, the block before it below 2"},
		"prev in the future": {func(s *session) { s.blocks()[2].Prev = 3 }, "block 2 goes on from the later block 2"},
		"prev of a lost block in the future": {func(s *session) {
			s.late(1)
			s.deliver(1)
			s.blocks()[6].Prev = 8
		}, "block 6 goes on from the later block 7"},
		"another session": {func(s *session) { s.blocks()[5].Block += maxGap + 1 }, "block 65542 where 5 is due"},
		"prev never rendered": {func(s *session) {
			s.outage(2)
			s.deliver(1)
			s.after[8] = s.after[6]
			s.goOnFrom(8)
			s.deliver(1)
		}, "goes on from after block 7, which was never rendered"},
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

func TestReplayRefusesAProgramOfAnotherShape(t *testing.T) {
	s := newSession(t)
	s.h.Rate = 48000
	_, err := s.replay(t, nil)
	require.ErrorIs(t, err, ErrInconsistent)
}

func TestReplayOfACutOffTapeKeepsItsResult(t *testing.T) {
	s := smallSession(t)
	tape := encode(t, s.h, s.records)
	r, err := NewReader(bytes.NewReader(tape[:len(tape)-1]), "test")
	require.NoError(t, err)
	got, err := Replay(r, s.prog, nil)
	require.ErrorIs(t, err, ErrUnfinished)
	require.EqualValues(t, 12, got.Compared)
}

// The states kept are limited; what was before them is refused, and nothing grows with the length of a tape.
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
	line.jump(line.last().next, line.seen(), true, out) // the commands since then are still there
	require.EqualValues(t, 10*minStates-1, math.Float64frombits(line.last().st[level]))
}

func FuzzReader(f *testing.F) {
	s := smallSession(f)
	tape := encode(f, s.h, s.records)
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

// FuzzReplay feeds whole records of any content, which a fuzzer cannot make itself for want of their checksums.
func FuzzReplay(f *testing.F) {
	s := smallSession(f)
	s.goOnFrom(1)
	s.deliver(2)
	s.late(1)
	s.deliver(1)
	n := testHeader.blockPayload()
	var seed []byte
	for _, rec := range s.records {
		p := make([]byte, n)
		switch rec := rec.(type) {
		case *Command:
			putCommand(p, rec)
			seed = append(append(seed, 1), p[:commandSize]...)
		case *Block:
			putBlock(p, rec)
			seed = append(append(seed, 0), p...)
		}
	}
	f.Add(seed)
	prog := testProgram(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		var records []any
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
				b = nil
			}
		}
		r, err := NewReader(bytes.NewReader(encode(t, testHeader, records)), "fuzz")
		require.NoError(t, err)
		visits := uint64(0)
		res, err := Replay(r, prog, func(*Block, []float32) { visits++ })
		if err == nil && (res.Blocks != visits || res.Blocks != res.Lost+res.Dups+res.Compared/uint64(testHeader.Frames)) {
			t.Fatalf("%d visits, %+v", visits, res)
		}
		if err != nil {
			require.ErrorIs(t, err, ErrInconsistent)
		}
	})
}
