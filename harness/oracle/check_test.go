package oracle

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/sink/wavfile"
	"chronus/engine/tape"
)

func next(v float32) float32 { return math.Nextafter32(v, 2) }

func TestHealthyRunsHold(t *testing.T) {
	for name, commands := range map[string]bool{"sine": false, "steps": true, "heavy:5": true, "mix": false} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, name)
			f.play(10)
			if commands {
				for i := range 20 {
					f.send(float64(i+1) / 64)
					f.play(1 + i%3)
				}
			}
			f.play(300)
			got := f.check()
			require.Empty(t, got.Failed())
			require.Equal(t, uint64(len(f.sound))*frames, got.Due)
			require.Equal(t, got.Due, got.Compared)
			require.Equal(t, got.Due, got.WAVFrames)
			require.Len(t, got.Index, len(f.sound))
			require.Len(t, got.CommandNS, len(f.sent))
			if name == "sine" {
				require.Equal(t, got.Due, got.Closed)
			}
			_, ledger := got.Assertion(CommandsLost)
			require.Equal(t, commands, ledger)
			_, closed := got.Assertion(ClosedForm)
			require.Equal(t, name == "sine", closed)
		})
	}
}

// Each case plants one fault. Exactly the named assertions fail, with the given
// counts, and each describes its first violation.
func TestEachPlantedFaultIsFound(t *testing.T) {
	const all = 40 // blocks of a plain run
	for name, c := range map[string]struct {
		patch string // if empty, mix: its sound is not checked in any other way
		plant func(*fake)
		want  map[string]uint64
		first string // of the first assertion that fails
	}{
		"wrong sample": {
			plant: func(f *fake) { f.damage(7, 3, next(f.sound[7][3])) },
			want:  map[string]uint64{WrongFrames: 1}, first: "block 7, frame 451, channel 0: ",
		},
		"wrong sample within the closed form's tolerance": {
			patch: "sine", plant: func(f *fake) { f.damage(7, 3, next(f.sound[7][3])) },
			want: map[string]uint64{WrongFrames: 1},
		},
		"wrong sample beyond it": {
			patch: "sine", plant: func(f *fake) { f.damage(7, 3, next(next(f.sound[7][3]))) },
			want: map[string]uint64{WrongFrames: 1, ClosedForm: 1},
		},
		"silence where sound is due": {
			patch: "sine", plant: func(f *fake) {
				for i := range frames {
					f.damage(9, i, 0)
				}
			},
			want: map[string]uint64{WrongFrames: frames, ClosedForm: frames},
		},
		"a block repeated": {
			patch: "sine", plant: func(f *fake) {
				for i, v := range f.sound[8] {
					f.damage(9, i, v)
				}
			},
			want: map[string]uint64{WrongFrames: frames, ClosedForm: frames},
		},
		"wrong only on the tape": {
			plant: func(f *fake) { f.blocks()[7].Samples[3] = 9 },
			want:  map[string]uint64{WrongFrames: 1}, first: "9 (41100000), the reference is",
		},
		"wrong only in the WAV file": {
			plant: func(f *fake) { f.sound[0][63] = 9; f.sound[39][63] = 9 },
			want:  map[string]uint64{WrongFrames: 2},
			first: "block 0, frame 63, channel 0: the WAV file has 9 (41100000), the tape",
		},
		"wrong in both, differently": {
			plant: func(f *fake) { f.blocks()[7].Samples[3] = 8; f.sound[7][3] = 9 },
			want:  map[string]uint64{WrongFrames: 1},
		},
		"sign of zero": {
			patch: "steps", plant: func(f *fake) { f.damage(7, 3, float32(math.Copysign(0, -1))) },
			want: map[string]uint64{WrongFrames: 1},
		},
		"concealment that is missing from the WAV file": {
			plant: func(f *fake) { f.late(1); f.play(1); f.sound[all][5] = 0 },
			want:  map[string]uint64{LostFrames: frames, WrongFrames: 1},
		},
		"WAV file a frame too short": {
			plant: func(f *fake) { f.extra = -1 },
			want:  map[string]uint64{WAVLength: 1}, first: "2559 frames, the tape has 2560",
		},
		"WAV file without frames": {
			patch: "sine", plant: func(f *fake) { f.extra = -all * frames },
			want: map[string]uint64{WAVLength: all * frames},
		},
		"WAV file a frame too long": {
			plant: func(f *fake) { f.extra = 1 },
			want:  map[string]uint64{WAVLength: 1}, first: "2561 frames, the tape has only 2560",
		},
		"blocks late": {
			patch: "sine", plant: func(f *fake) { f.late(2); f.play(3) },
			want: map[string]uint64{LostFrames: 2 * frames}, first: "block 40",
		},
		"blocks never rendered": {
			patch: "sine", plant: func(f *fake) {
				f.outage(2)
				f.play(3)
				f.outage(1)
				f.play(2)
				f.late(1)
				f.play(1)
			},
			want: map[string]uint64{LostFrames: 4 * frames},
		},
		"block twice": {
			patch: "sine", plant: func(f *fake) { f.records = slices.Insert(f.records, 8, f.records[7]) },
			want: map[string]uint64{DupBlocks: 1}, first: "block 7 again, block 8 is due",
		},
		"block missing": {
			patch: "sine", plant: func(f *fake) { f.drop(7) },
			want: map[string]uint64{GapBlocks: 1, Compared: frames}, first: "2496 frames of 2560 due",
		},
		"first blocks missing": {
			patch: "steps", plant: func(f *fake) { f.drop(0); f.drop(1) },
			want: map[string]uint64{GapBlocks: 2, Compared: 2 * frames},
		},
		"state gone back": {
			patch: "steps", plant: func(f *fake) { f.prev = all - 3; f.play(2) },
			want:  map[string]uint64{RewoundBlocks: 3},
			first: "block 40 continues from before block 37, although block 39 had been delivered",
		},
		"standby with another sum": {
			plant: func(f *fake) { f.blocks()[7].Sums[0]++ },
			want:  map[string]uint64{ReplicasDisagree: 1}, first: "block 7: played ",
		},
		"replicas that agree on another block than was played": {
			plant: func(f *fake) { f.blocks()[7].Sum++ },
			want:  map[string]uint64{ReplicasDisagree: 1},
		},
		"lost block that its replicas disagree on": {
			plant: func(f *fake) { f.late(1); f.play(1); copy(f.blocks()[all].Sums, []uint64{1, 2}) },
			want:  map[string]uint64{ReplicasDisagree: 1, LostFrames: frames},
		},
		"never two replicas": {
			plant: func(f *fake) {
				for _, b := range f.blocks() {
					b.Sums[0] = 0
				}
			},
			want: map[string]uint64{Compared: 1}, first: "no block has the checksums of two replicas",
		},
		"sealed too little": {
			plant: func(f *fake) { f.blocks()[7].Sealed--; f.blocks()[9].Flags |= tape.FlagXrun },
			want:  map[string]uint64{SealLead: 1}, first: "block 7: 10 blocks sealed, not 11",
		},
		"sealed too much at an xrun": {
			plant: func(f *fake) { f.blocks()[7].Sealed++; f.blocks()[7].Flags |= tape.FlagXrun | tape.FlagPlayer },
			want:  map[string]uint64{SealLead: 1},
		},
		"delivered from no ring": {
			plant: func(f *fake) { f.blocks()[7].Slot = -1 },
			want:  map[string]uint64{Tape: 1}, first: "block 7: slot -1 of 4, lost: false",
		},
		"all lost": {
			plant: func(f *fake) {
				f.records, f.sound, f.prev = nil, nil, 0
				f.outage(5)
			},
			want: map[string]uint64{Compared: 1, LostFrames: 5 * frames}, first: "nothing was compared",
		},
		"empty": {
			patch: "steps", plant: func(f *fake) { f.records, f.sound = nil, nil },
			want: map[string]uint64{Compared: 1}, first: "nothing was compared",
		},
		"records that contradict each other": {
			plant: func(f *fake) { f.blocks()[20].Prev = 30 },
			want:  map[string]uint64{Tape: 1, Compared: 20 * frames}, first: "block 20 continues from block 29, which is not before it",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c.patch == "" {
				c.patch = "mix"
			}
			f := newFake(t, c.patch)
			f.play(all)
			c.plant(f)
			got := f.check()
			require.Equal(t, c.want, failed(got))
			require.Contains(t, got.Failed()[0].First, c.first)
			for _, a := range got.Failed() {
				require.NotEmpty(t, a.First)
				require.NotContains(t, a.String(), "\n")
			}
		})
	}
}

func TestFadeOfAnOrderedStopIsComparedWithItsReferenceOnly(t *testing.T) {
	for _, name := range []string{"sine", "steps", "mix"} {
		f := newFake(t, name)
		f.play(20)
		if name == "steps" {
			f.send(0.5)
			f.play(3)
		}
		f.fade()
		require.Empty(t, f.check().Failed(), name)
		f.damage(len(f.sound)-1, 1, 7)
		require.Equal(t, map[string]uint64{WrongFrames: 1}, failed(f.check()), name)
	}
}

func TestFadeBeforeTheEndIsWrong(t *testing.T) {
	f := newFake(t, "sine")
	f.play(20)
	f.fade()
	f.play(2)
	got := f.check()
	require.Equal(t, map[string]uint64{WrongFrames: frames}, failed(got))
	require.Equal(t, "block 20 follows a faded block", got.Failed()[0].First)
}

func TestDamagedTapesFail(t *testing.T) {
	f := newFake(t, "sine")
	f.play(20)
	run := f.write()
	whole, err := os.ReadFile(run.Tape)
	require.NoError(t, err)
	end := len(whole) - (1 + 4 + 16 + 8)
	record := 1 + 4 + 68 + 8*4 + 4*frames + 8
	missing := slices.Concat(whole[:end-record], whole[end:])
	flipped := slices.Clone(whole)
	flipped[end-record*3+60] ^= 4
	for name, c := range map[string]struct {
		tape       []byte
		unfinished bool
		want       map[string]uint64
	}{
		"no end record":                      {whole[:end], false, map[string]uint64{Tape: 1}},
		"no end record after a kill":         {whole[:end], true, map[string]uint64{}},
		"cut off":                            {whole[:end-3], false, map[string]uint64{Tape: 1, WAVLength: frames}},
		"cut off by a kill":                  {whole[:end-3], true, map[string]uint64{}},
		"a bit flipped":                      {flipped, false, map[string]uint64{Tape: 1, WAVLength: 3 * frames}},
		"a bit flipped before a kill":        {flipped, true, map[string]uint64{Tape: 1}},
		"a record missing":                   {missing, false, map[string]uint64{Tape: 1, WAVLength: frames}},
		"cut off after the header by a kill": {whole[:end-20*record], true, map[string]uint64{Compared: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(run.Tape, c.tape, 0o644))
			run.Unfinished = c.unfinished
			got, err := Check(run)
			require.NoError(t, err)
			require.Equal(t, c.want, failed(got))
		})
	}
}

func TestWithoutAWAVFileTheSoundIsTakenFromTheTape(t *testing.T) {
	for _, plant := range []bool{false, true} {
		f := newFake(t, "steps")
		f.play(5)
		f.send(0.5)
		f.play(5)
		if plant {
			f.blocks()[7].Samples[0] = 0.75
		}
		run := f.write()
		run.WAV = ""
		got, err := Check(run)
		require.NoError(t, err)
		_, ok := got.Assertion(WAVLength)
		require.False(t, ok)
		if plant {
			require.Equal(t, map[string]uint64{WrongFrames: 1, CommandsUnknown: 1}, failed(got))
		} else {
			require.Empty(t, failed(got))
		}
	}
}

func TestRunsThatCannotBeJudgedAreErrors(t *testing.T) {
	for name, c := range map[string]struct {
		patch string
		edit  func(t *testing.T, run *Run)
		want  string
	}{
		"no tape":   {"steps", func(_ *testing.T, r *Run) { r.Tape += "x" }, "no such file"},
		"no WAV":    {"steps", func(_ *testing.T, r *Run) { r.WAV += "x" }, "no such file"},
		"not a WAV": {"steps", func(_ *testing.T, r *Run) { r.WAV = r.Tape }, "not a RIFF or RF64 WAVE file"},
		"WAV of another rate": {"steps", func(t *testing.T, r *Run) {
			r.WAV = filepath.Join(t.TempDir(), "b.wav")
			w, err := wavfile.Open(r.WAV, 48000, 1, frames)
			require.NoError(t, err)
			require.NoError(t, w.Close())
		}, "has 1 channels at 48000 Hz"},
		"tape of a broken patch": {"steps", func(t *testing.T, r *Run) {
			h := tape.Header{Rate: rate, Frames: frames, Channels: 1, Patch: "p.toml", PatchText: "out ="}
			w, err := tape.Create(r.Tape, h)
			require.NoError(t, err)
			require.NoError(t, w.Close())
		}, "p.toml"},
		"the same value twice": {"steps", func(_ *testing.T, r *Run) {
			r.Sent = []Sent{{Seq: 1, Value: 0.5}, {Seq: 2, Value: 0.5 + 1e-12}}
		}, "commands 1 and 2 both send 0.5"},
		"the patch's own value": {"steps", func(_ *testing.T, r *Run) {
			r.Sent = []Sent{{Seq: 4}}
		}, "command 4 sends 0"},
		"not a number": {"steps", func(_ *testing.T, r *Run) {
			r.Sent = []Sent{{Seq: 4, Value: math.NaN()}}
		}, "command 4 sends NaN"},
		"commands to another patch": {
			"sine", func(_ *testing.T, r *Run) { r.Sent = []Sent{{Seq: 1, Value: 1}} },
			"the sound of patch sine does not show them",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, c.patch)
			f.play(3)
			run := f.write()
			c.edit(t, &run)
			_, err := Check(run)
			require.ErrorContains(t, err, "oracle: ")
			require.ErrorContains(t, err, c.want)
			require.False(t, strings.Contains(err.Error(), "\n"))
		})
	}
}

func TestAssertionsReadAsOneLine(t *testing.T) {
	a := Assertion{Name: SealLead}
	require.Equal(t, "seal-lead           ok", a.String())
	a.violated(0, nil)
	require.False(t, a.Failed())
	a.violated(2, func() string { return "block 3" })
	a.violated(3, nil)
	require.Equal(t, "seal-lead           5: block 3", a.String())
}
