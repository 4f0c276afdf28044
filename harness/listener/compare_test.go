package listener

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

const block = 256

// noise returns n frames of one channel.
func noise(n int) []float32 {
	rng := rand.New(rand.NewPCG(1, 2))
	out := make([]float32, n)
	for i := range out {
		out[i] = (rng.Float32() - 0.5) / 5
	}
	return out
}

// stereo plays one channel on both.
func stereo(mono []float32) []float32 {
	out := make([]float32, 0, 2*len(mono))
	for _, x := range mono {
		out = append(out, x, x)
	}
	return out
}

func silence(frames int) []float32 { return make([]float32, frames) }

func flip(x *float32) { *x = math.Float32frombits(math.Float32bits(*x) ^ 1) }

// between puts silence before and after what is heard, as a recording has it.
func between(heard []float32) []float32 {
	return slices.Concat(silence(2*777), heard, silence(2*5000))
}

func TestEveryFaultOfARecordingIsCounted(t *testing.T) {
	const n, head = 40 * block, 10 * block // the device plays from frame head on
	sound := noise(n)
	heard := func() []float32 { return stereo(sound[head:]) }
	cut := func(s []float32, at, frames int) []float32 { return slices.Delete(s, 2*at, 2*(at+frames)) }
	insert := func(s []float32, at int, what []float32) []float32 { return slices.Insert(s, 2*at, what...) }
	all := n - head
	for _, tc := range []struct {
		name   string
		change func(s []float32) []float32
		want   Heard // if zero, First is head, Last is n-1 and Compared is all
	}{
		{"none", func(s []float32) []float32 { return s }, Heard{}},
		{"a frame is lost", func(s []float32) []float32 {
			return cut(s, 3000, 1)
		}, Heard{Compared: all - 1, Missing: 1}},
		{"the second frame is lost, which leaves the first alone", func(s []float32) []float32 {
			return cut(s, 1, 1)
		}, Heard{First: head + 1, Compared: all - 2, Wrong: 1}},
		{"a block is lost", func(s []float32) []float32 {
			return cut(s, 3*block, block)
		}, Heard{Compared: all - block, Missing: block}},
		{"a block is silent", func(s []float32) []float32 {
			clear(s[2*3*block : 2*4*block])
			return s
		}, Heard{Compared: all - block, Missing: block, Dry: block}},
		{"a bit is flipped on both channels", func(s []float32) []float32 {
			flip(&s[2*3000])
			flip(&s[2*3000+1])
			return s
		}, Heard{Compared: all - 1, Wrong: 1}},
		{"a bit is flipped on one channel", func(s []float32) []float32 {
			flip(&s[2*3000+1])
			return s
		}, Heard{Compared: all - 1, Wrong: 1}},
		{"bits are flipped in the first frame and in the fifth", func(s []float32) []float32 {
			flip(&s[0])
			flip(&s[2*5])
			return s
		}, Heard{Compared: all - 2, Wrong: 2}},
		{"a bit is flipped in the last frame", func(s []float32) []float32 {
			flip(&s[len(s)-1])
			return s
		}, Heard{Compared: all - 1, Wrong: 1}},
		{"bits are flipped near the end", func(s []float32) []float32 {
			flip(&s[len(s)-20])
			flip(&s[len(s)-2])
			return s
		}, Heard{Compared: all - 2, Wrong: 2}},
		{"a bit is flipped in every block", func(s []float32) []float32 {
			for i := 100; i < len(s)/2; i += block {
				flip(&s[2*i])
			}
			return s
		}, Heard{Compared: all - all/block, Wrong: all / block}},
		{"a block is another sound", func(s []float32) []float32 {
			for i := 2 * 3 * block; i < 2*4*block; i++ {
				s[i] = -s[i]
			}
			return s
		}, Heard{Compared: all - block, Wrong: block}},
		{"a block is repeated", func(s []float32) []float32 {
			return insert(s, 4*block, slices.Clone(s[2*3*block:2*4*block]))
		}, Heard{Compared: all, Repeated: block}},
		{"the last block is repeated", func(s []float32) []float32 {
			return append(s, s[len(s)-2*block:]...)
		}, Heard{Compared: all, Repeated: block}},
		{"two blocks are exchanged", func(s []float32) []float32 {
			b := slices.Clone(s[2*3*block : 2*4*block])
			return insert(cut(s, 3*block, block), 4*block, b)
		}, Heard{Compared: all - block, Misplaced: block}},
		{"silence comes between", func(s []float32) []float32 {
			return insert(s, 3000, silence(2*333))
		}, Heard{Compared: all, Dry: 333}},
		{"silence comes after the first frame and before the last", func(s []float32) []float32 {
			return insert(insert(s, all-1, silence(2*10)), 1, silence(2*10))
		}, Heard{Compared: all, Dry: 20}},
		{"sound that was never delivered comes between", func(s []float32) []float32 {
			return insert(s, 3000, stereo(slices.Repeat([]float32{0.7}, 50)))
		}, Heard{Compared: all, Wrong: 50}},
		{"sound that was never delivered comes after the end", func(s []float32) []float32 {
			return append(s, 0.5, 0.5, 0.25, 0.25)
		}, Heard{Compared: all, Wrong: 2}},
		{"the beginning is cut, but nothing that is due", func(s []float32) []float32 {
			return cut(s, 0, 2*block)
		}, Heard{First: head + 2*block, Compared: all - 2*block}},
		{"the beginning is cut", func(s []float32) []float32 {
			return cut(s, 0, 4*block+7)
		}, Heard{First: head + 4*block + 7, Compared: all - 4*block - 7, Missing: block + 7}},
		{"the end is cut", func(s []float32) []float32 {
			return s[:len(s)-2*300]
		}, Heard{Last: n - 301, Compared: all - 300, Missing: 300}},
		{"a frame of each kind", func(s []float32) []float32 {
			flip(&s[2*1000])
			s = cut(s, 2000, 1)
			s = insert(s, 3000, silence(2))
			return insert(s, 4001, slices.Clone(s[2*3900:2*4001]))
		}, Heard{Compared: all - 2, Wrong: 1, Missing: 1, Dry: 1, Repeated: 101}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := tc.want
			if want.First == 0 {
				want.First = head
			}
			if want.Compared == 0 {
				want.Compared = all
			}
			if want.Last == 0 {
				want.Last = n - 1
			}
			got, err := Compare(sound, 1, between(tc.change(heard())), head+3*block)
			require.NoError(t, err)
			require.Equal(t, want.Faults()+want.Missing > 0, got.Fault != "", got.Fault)
			got.Fault = ""
			require.Equal(t, &want, got)
		})
	}
}

func TestASoundOfTwoChannelsIsHeardOnBoth(t *testing.T) {
	sound := noise(8 * block) // 4 blocks
	got, err := Compare(sound, 2, between(slices.Clone(sound)), 0)
	require.NoError(t, err)
	require.Equal(t, &Heard{Last: 4*block - 1, Compared: 4 * block}, got)
	swapped := slices.Clone(sound)
	for i := 0; i < len(swapped); i += 2 {
		swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
	}
	_, err = Compare(sound, 2, swapped, 0)
	require.ErrorIs(t, err, ErrNotPlaced)
}

// Delivered silence is due as well: as much of it as was delivered.
func TestDeliveredSilenceIsNotDryAndMustBeHeard(t *testing.T) {
	sound := noise(20 * block)
	clear(sound[5*block : 6*block])
	sounding := 19 * block
	got, err := Compare(sound, 1, between(stereo(sound)), 0)
	require.NoError(t, err)
	require.Equal(t, &Heard{Last: 20*block - 1, Compared: sounding}, got)
	got, err = Compare(sound, 1, between(slices.Delete(stereo(sound), 2*5*block, 2*5*block+2*100)), 0)
	require.NoError(t, err)
	require.Equal(t, 100, got.Missing)
	require.Equal(t, sounding, got.Compared)
}

func TestARecordingWithoutAPlaceIsNotCompared(t *testing.T) {
	sound := noise(20 * block)
	other := noise(21 * block)[block:]
	slices.Reverse(other)
	periodic := slices.Repeat(sound[:441], 100)
	for _, tc := range []struct {
		name                 string
		delivered, recording []float32
	}{
		{"nothing was recorded", sound, nil},
		{"silence was recorded", sound, silence(10 * block)},
		{"less than a window was recorded", sound, stereo(sound[:window-1])},
		{"another sound was recorded", sound, stereo(other)},
		{"one channel was recorded at half its length", sound, sound},
		{"nothing was delivered", nil, stereo(sound)},
		{"the sound is periodic", periodic, stereo(periodic[1000:])},
		{"half a frame was recorded", sound, sound[:1]},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Compare(tc.delivered, 1, tc.recording, 0)
			require.ErrorIs(t, err, ErrNotPlaced)
		})
	}
}

// Whatever was recorded, every frame of sound is counted once, and every
// delivered frame was either heard or is missing.
func FuzzCompareAccountsForEveryFrame(f *testing.F) {
	f.Add(uint64(1), uint8(3))
	f.Add(uint64(2), uint8(40))
	sound := noise(20 * block)
	f.Fuzz(func(t *testing.T, seed uint64, faults uint8) {
		rng := rand.New(rand.NewPCG(seed, 0))
		heard := slices.Clone(sound)
		for range faults % 64 {
			at := rng.IntN(len(heard) - 600)
			n := 1 + rng.IntN(500)
			switch rng.IntN(5) {
			case 0:
				heard = slices.Delete(heard, at, at+min(n, 100))
			case 1:
				heard = slices.Insert(heard, at, heard[at:at+n]...)
			case 2:
				flip(&heard[at])
			case 3:
				heard = slices.Insert(heard, at, silence(n)...)
			case 4:
				part := slices.Clone(heard[at : at+n])
				heard = slices.Insert(slices.Delete(heard, at, at+n), rng.IntN(len(heard)-n), part...)
			}
		}
		h, err := Compare(sound, 1, stereo(heard), 0)
		if err != nil {
			require.ErrorIs(t, err, ErrNotPlaced)
			return
		}
		sounding := 0
		for _, x := range heard {
			if x != 0 {
				sounding++
			}
		}
		require.Equal(t, sounding, h.Compared+h.Faults())
		require.LessOrEqual(t, h.Compared+h.Misplaced+h.Missing, len(sound))
		require.Equal(t, slices.Equal(heard, sound), h.Fault == "" && h.Dry == 0, "%+v", h)
	})
}
