package oracle

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/patch"
	"chronus/engine/tape"
)

func TestSineIsExactAtEachQuarterAndNearTheLibraryElsewhere(t *testing.T) {
	for _, rate := range []uint64{44100, 48000, 8000, 440, 1760} {
		for n := range 3 * rate {
			x := float64(sineFreq*n%rate) / float64(rate)
			require.InDelta(t, math.Sin(2*math.Pi*x), sine(sineFreq, n, rate), 1e-15)
			require.Equal(t, sine(sineFreq, n, rate), sine(sineFreq, n+rate*1e12, rate), "drift")
		}
	}
	for q, want := range []float64{0, 1, 0, -1, 0, 1} {
		require.Equal(t, want, sine(440, uint64(q), 1760)+0)
	}
}

func TestNearIsOneFloat32Apart(t *testing.T) {
	inf := float32(math.Inf(1))
	tiny := float32(math.SmallestNonzeroFloat32)
	for _, c := range []struct {
		a, b float32
		want bool
	}{
		{0.5, 0.5, true},
		{next(0.5), 0.5, true},
		{0.5, next(0.5), true},
		{next(next(0.5)), 0.5, false},
		{0, float32(math.Copysign(0, -1)), true},
		{tiny, 0, true},
		{-tiny, 0, true},
		{-tiny, tiny, false},
		{-0.5, 0.5, false},
		{float32(math.NaN()), 0, false},
		{inf, math.MaxFloat32, false},
	} {
		require.Equal(t, c.want, near(c.a, c.b), "%v %v", c.a, c.b)
	}
}

func TestClosedFormAppliesToTheBuiltInSineOnly(t *testing.T) {
	p, err := patch.Load("sine")
	require.NoError(t, err)
	h := tape.Header{Rate: rate, Frames: frames, Channels: 1, Patch: "sine", PatchText: string(p.Text())}
	require.NotNil(t, newClosedForm(h, 0))
	require.Nil(t, newClosedForm(h, 1), "with a command")
	other := h
	other.Patch = "steps"
	require.Nil(t, newClosedForm(other, 0))
	other = h
	other.PatchText += "# edited\n"
	require.Nil(t, newClosedForm(other, 0), "another patch of that name")
}

// It finds what is wrong in a reference render too, as with any oscillator that
// has a drift or an offset.
func TestClosedFormFindsWhatAReferenceWouldAgreeWith(t *testing.T) {
	block := func(at float64, channels int) []float32 {
		out := make([]float32, frames*channels)
		for i := range out {
			out[i] = float32(sineAmp * math.Sin(2*math.Pi*sineFreq*(at+float64(i/channels))/rate))
		}
		return out
	}
	for name, c := range map[string]struct {
		offset float64 // frames
		want   bool
	}{
		"right":             {0, true},
		"a frame late":      {1, false},
		"slightly late":     {1e-4, false},
		"half a turn":       {rate / 880.0, false},
		"a turn and a hair": {rate/440.0 + 1e-4, false},
	} {
		for _, channels := range []int{1, 2} {
			f := &closedForm{rate: rate, perBlock: frames, channels: channels}
			for n := range uint64(20) {
				b := &tape.Block{Block: n, Prev: n}
				f.follow(b)
				f.check(b, block(float64(n*frames)+c.offset, channels))
			}
			require.Equal(t, c.want, !f.Failed(), "%s: %s", name, f.First)
			require.EqualValues(t, 20*frames, f.frames, name)
		}
	}
}

func TestPhaseStandsStillDuringAnOutage(t *testing.T) {
	f := &closedForm{}
	for _, c := range []struct{ block, prev, rendered uint64 }{
		{0, 0, 0},
		{1, 1, 1},
		{5, 3, 3}, // 2 was late, 3 and 4 never rendered
		{6, 6, 4},
		{10, 8, 6}, // 7 was late, 8 and 9 never rendered
		{11, 11, 7},
		{14, 6, 4}, // back to before the gap at 10, but not the one at 5
		{15, 15, 5},
		{16, 0, 0}, // from the initial state again
		{17, 17, 1},
	} {
		f.follow(&tape.Block{Block: c.block, Prev: c.prev})
		require.Equal(t, c.rendered, f.rendered, "block %d", c.block)
	}
}
