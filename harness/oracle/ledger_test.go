package oracle

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestLedgerFindsEachPlantedFault(t *testing.T) {
	for name, c := range map[string]struct {
		plant             func(*fake)
		want              map[string]uint64
		first             string
		merged, swallowed int
	}{
		"none": {
			plant: func(f *fake) { f.send(0.5); f.play(2); f.send(0.25); f.play(2) },
		},
		"before the first block": {
			plant: func(f *fake) { f.sound, f.records, f.prev = nil, nil, 0; f.send(0.5); f.play(2) },
		},
		"never logged": {
			plant: func(f *fake) { f.send(0.5); f.play(1); f.sent = append(f.sent, Sent{Seq: 9, Value: 0.25}) },
			want:  map[string]uint64{CommandsLost: 1}, first: "command 9 (0.25): not in the log",
		},
		"none of them logged": {
			plant: func(f *fake) { f.sent = []Sent{{Seq: 1, Value: 1}, {Seq: 2, Value: 2}} },
			want:  map[string]uint64{CommandsLost: 2},
		},
		"logged for another module": {
			plant: func(f *fake) { f.send(0.5); f.log[0].Address = 99; f.play(1) },
			want:  map[string]uint64{CommandsLost: 1}, first: "not in the log",
		},
		"logged, never sealed": {
			plant: func(f *fake) { f.send(0.5); f.play(1); f.send(0.25) },
			want:  map[string]uint64{CommandsLost: 1}, first: "command 2 (0.25): in the log, not in the sound",
		},
		"sealed, never rendered": {
			plant: func(f *fake) { f.send(0.5); f.play(1); f.revert(10) },
			want:  map[string]uint64{CommandsLost: 1, WrongFrames: frames},
			first: "0 (00000000), the reference is 0.5 (3f000000)",
		},
		"logged twice": {
			plant: func(f *fake) { f.send(0.5); f.logs(0.5); f.play(2) },
			want:  map[string]uint64{CommandsDup: 1}, first: "command 1 (0.5): log record 1", merged: 1,
		},
		"applied again later": {
			plant: func(f *fake) {
				f.send(0.5)
				f.play(1)
				f.send(0.25)
				f.play(1)
				f.logs(0.5)
				f.play(1)
			},
			want: map[string]uint64{CommandsDup: 2}, first: "command 1 (0.5): log record 2",
		},
		"back to the patch's own value": {
			plant: func(f *fake) { f.send(0.5); f.play(3); f.revert(12) },
			want:  map[string]uint64{CommandsDup: 1, WrongFrames: frames},
		},
		"swapped": {
			plant: func(f *fake) {
				f.send(0.5)
				f.play(1)
				f.send(0.25)
				f.play(1)
				f.sent[0], f.sent[1] = f.sent[1], f.sent[0]
			},
			want: map[string]uint64{CommandsMisorder: 2}, first: "command 2 (0.25): log record 1, after command 1 (0.5)",
		},
		"one overtaken by two others": {
			plant: func(f *fake) {
				for _, v := range []float64{0.25, 0.375, 0.125} {
					f.send(v)
					f.play(1)
				}
				f.sent = []Sent{f.sent[2], f.sent[0], f.sent[1]}
			},
			want: map[string]uint64{CommandsMisorder: 2}, first: "command 3 (0.125): log record 2, after command 2 (0.375)",
		},
		"logged, never sent": {
			plant: func(f *fake) { f.send(0.5); f.play(1); f.logs(0.75); f.play(1) },
			want:  map[string]uint64{CommandsUnknown: 2}, first: "log record 1: 0.75, which was never sent",
		},
		"heard, never sent": {
			plant: func(f *fake) { f.send(0.5); f.play(3); f.damage(11, 5, 0.75); f.damage(11, 6, 0.625) },
			want:  map[string]uint64{CommandsUnknown: 1, WrongFrames: 2}, first: "block 11, frame 709",
		},
		"applied within a block": {
			plant: func(f *fake) { f.play(1); f.send(0.5); f.play(2); f.damage(11, 0, 0); f.damage(11, 1, 0) },
			want:  map[string]uint64{CommandsOffEdge: 1, WrongFrames: 2},
		},
		"merged within a block": {
			plant: func(f *fake) { f.send(0.5, 0.25, 0.125); f.play(1); f.send(0.0625); f.play(1) }, merged: 2,
		},
		"replaced by one that was never sent": {
			plant: func(f *fake) { f.send(0.5); f.logs(0.75); f.play(1) },
			want:  map[string]uint64{CommandsUnknown: 2}, merged: 1,
		},
		"during late blocks": {
			plant: func(f *fake) { f.send(0.5); f.late(1); f.send(0.25); f.late(1); f.play(1) },
			want:  map[string]uint64{LostFrames: 2 * frames}, swallowed: 1,
		},
		"during an outage": {
			plant: func(f *fake) {
				f.send(0.5)
				f.outage(1)
				f.send(0.25)
				f.outage(2)
				f.send(0.125)
				f.play(2)
			},
			want: map[string]uint64{LostFrames: 3 * frames}, swallowed: 2,
		},
		"the last one before the end of an outage is heard": {
			plant: func(f *fake) { f.play(1); f.send(0.5); f.outage(3); f.play(1) },
			want:  map[string]uint64{LostFrames: 3 * frames},
		},
		"lost in an outage that does not excuse it": {
			plant: func(f *fake) {
				f.outage(3)
				f.play(1)
				f.sent = append(f.sent, Sent{Seq: 1, Value: 0.5})
			},
			want: map[string]uint64{LostFrames: 3 * frames, CommandsLost: 1},
		},
		"heard in the fade only": {
			plant: func(f *fake) { f.send(0.5); f.play(1); f.fade() },
			want:  map[string]uint64{CommandsLost: 1},
		},
		"run that ends in an outage": {
			plant: func(f *fake) { f.send(0.5); f.outage(3) },
			want:  map[string]uint64{LostFrames: 3 * frames, CommandsLost: 1},
		},
	} {
		for _, patch := range []string{"steps", "heavy:3"} {
			t.Run(name+"/"+patch, func(t *testing.T) {
				f := newFake(t, patch)
				f.play(10)
				c.plant(f)
				got := f.check()
				if c.want == nil {
					c.want = map[string]uint64{}
				}
				require.Equal(t, c.want, failed(got))
				if len(c.want) > 0 {
					require.Contains(t, got.Failed()[0].First, c.first)
				}
				require.Equal(t, c.merged, got.Merged)
				require.Equal(t, c.swallowed, got.Swallowed)
			})
		}
	}
}

func TestLatencyIsToTheFirstBlockThatIsHeard(t *testing.T) {
	f := newFake(t, "steps")
	f.play(10)
	f.send(0.5) // 1000 ns before the entry of block 10
	f.outage(2)
	f.play(1)
	f.send(0.25)
	f.play(1)
	f.send(0.125, 0.0625) // the first of the two is not heard
	f.play(3)
	got := f.check()
	require.Equal(t, []int64{2*periodNS + 1000, 1000, -1, 1000}, got.CommandNS)
}

// Every assertion holds for any healthy run, whatever its commands do to each
// other: a false alarm would be as bad as a fault that is not found.
func TestAnyHealthyRunHolds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFake(t, "steps")
		f.play(1)
		lost, value := 0, 0.0
		for range rapid.IntRange(0, 12).Draw(rt, "steps") {
			n := rapid.IntRange(1, 3).Draw(rt, "n")
			switch rapid.IntRange(0, 3).Draw(rt, "step") {
			case 0:
				for range n {
					value += 1.0 / 1024
					f.send(value)
				}
			case 1:
				f.play(n)
			case 2:
				f.late(n)
				lost += n
			case 3:
				f.outage(n)
				lost += n
			}
		}
		f.play(1)
		got := f.check()
		want := map[string]uint64{}
		if lost > 0 {
			want[LostFrames] = uint64(lost) * frames
		}
		require.Equal(rt, want, failed(got))
		unheard := 0
		for _, ns := range got.CommandNS {
			if ns < 0 {
				unheard++
			}
		}
		require.Equal(rt, got.Merged+got.Swallowed, unheard)
	})
}
