package osc

import (
	"math/big"
	"math/bits"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// anyTimeline draws the timeline of a machine with any uptime, at any date from
// fifty years before 1970 to a hundred years after.
func anyTimeline(t *rapid.T) Timeline {
	const century = 100 * 365 * 86400 * int64(time.Second)
	anchor := rapid.Int64Range(0, 1<<55).Draw(t, "anchor")
	return Timeline{
		Rate:    rapid.SampledFrom([]int64{8000, 11025, 22050, 44100, 48000, 96000, 192000, 384000}).Draw(t, "rate"),
		Frame:   rapid.Int64Range(0, 1<<50).Draw(t, "frame"),
		FrameNS: anchor,
		WallNS:  rapid.Int64Range(-century/2, century).Draw(t, "wall"),
		NowNS:   anchor + rapid.Int64Range(-int64(time.Second), int64(time.Hour)).Draw(t, "now"),
	}
}

// exact returns the position of a time, in seconds since Unix's epoch, as a
// fractional frame.
func (t *Timeline) exact(unix *big.Rat) *big.Rat {
	due := big.NewRat(t.FrameNS+t.WallNS, 1e9)
	x := new(big.Rat).Sub(unix, due)
	x.Mul(x, big.NewRat(t.Rate, 1))
	return x.Add(x, big.NewRat(t.Frame, 1))
}

// unixOf returns the time of a tag in seconds since Unix's epoch, in the era
// that puts it closest to near, a Unix time in ns.
func unixOf(tag uint64, near int64) *big.Rat {
	sec, _ := floor(near)
	whole := int64(uint32(tag>>32)-uint32(sec+ntpUnix)) + sec
	if whole > sec+1<<31 {
		whole -= 1 << 32
	}
	frac := new(big.Rat).SetFrac(big.NewInt(int64(uint32(tag))), big.NewInt(1<<32))
	return frac.Add(frac, big.NewRat(whole, 1))
}

func TestFrameOfATimeTagIsTheNearestOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tl := anyTimeline(t)
		// From an hour ago up to the horizon, with random low bits.
		at := tl.NowNS + tl.WallNS + rapid.Int64Range(-int64(time.Hour), int64(Horizon-time.Second)).Draw(t, "from now")
		tag := timeTag(at)&^0xffff | uint64(rapid.Uint16().Draw(t, "low bits"))
		got, err := tl.FrameAt(tag)
		require.NoError(t, err)
		want := tl.exact(unixOf(tag, at))
		if want.Cmp(big.NewRat(-1, 2)) < 0 {
			require.Zero(t, got)
			return
		}
		// want - 1/2 < got <= want + 1/2
		off := new(big.Rat).Sub(big.NewRat(got, 1), want)
		require.Greater(t, off.Cmp(big.NewRat(-1, 2)), -1, off)
		require.Less(t, off.Cmp(big.NewRat(1, 2)), 1, off)
	})
}

func TestDistancesOfTagsAreDistancesOfFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tl := anyTimeline(t)
		tl.Frame += 1 << 40 // keeps clear of frame 0
		at := tl.NowNS + tl.WallNS + rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "from now")
		first := timeTag(at)
		// A distance that both clocks can represent: n times 2^-k s, which is a
		// whole number of frames.
		k := bits.TrailingZeros64(uint64(tl.Rate))
		n := rapid.Int64Range(0, 30<<k).Draw(t, "2^-k s")
		a, err := tl.FrameAt(first)
		require.NoError(t, err)
		b, err := tl.FrameAt(first + uint64(n)<<(32-k))
		require.NoError(t, err)
		require.Equal(t, n*tl.Rate>>k, b-a)
	})
}

func TestTenthsOfASecondAre4410Frames(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.UTC)
	tl := Timeline{Rate: 44100, Frame: 256 * 1000, FrameNS: 7e9 + 123, WallNS: start.UnixNano() - 7e9, NowNS: 7e9}
	var last int64
	for i := range 500 {
		got, err := tl.FrameAt(TimeTag(start.Add(time.Duration(i) * 100 * time.Millisecond)))
		require.NoError(t, err)
		if i > 0 {
			require.EqualValues(t, 4410, got-last, i)
		}
		last = got
	}
}

func TestTimeTagsAtTheEdges(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	era := time.Unix(1<<32-ntpUnix, 0) // 2036-02-07 06:28:16 UTC, when NTP's seconds start again at 0
	at := func(now time.Time) Timeline {
		return Timeline{Rate: 44100, Frame: 44100, FrameNS: 1e9, WallNS: now.UnixNano() - 1e9, NowNS: 1e9}
	}
	for _, c := range []struct {
		name string
		line Timeline
		tag  uint64
		want int64
		err  string
	}{
		{"now", at(now), TimeTag(now), 44100, ""},
		{"a second ago", at(now), TimeTag(now.Add(-time.Second)), 0, ""},
		{"before the start", at(now), TimeTag(now.Add(-time.Hour)), 0, ""},
		{"sixty years before", at(now), TimeTag(now.AddDate(-60, 0, 0)), 0, ""},
		{"the horizon", at(now), TimeTag(now.Add(Horizon)), 61 * 44100, ""},
		{"a bit beyond the horizon", at(now), TimeTag(now.Add(Horizon)) + 1, 0, "time tag 60.0 s ahead (at most 60 s): check the client's clock"},
		{"an hour ahead", at(now), TimeTag(now.Add(time.Hour)), 0, "time tag 3600.0 s ahead (at most 60 s): check the client's clock"},
		{"a day ahead", at(now), TimeTag(now.Add(24 * time.Hour)), 0, "s ahead (at most 60 s)"},
		{"more than a day ahead", at(now), TimeTag(now.Add(24*time.Hour)) + 1, 0, ""},
		{"the last of all tags", at(now), 1<<64 - 1, 0, ""},
		{"across the change of era", at(era.Add(-time.Second)), TimeTag(era.Add(time.Second)), 3 * 44100, ""},
		{"back across the change of era", at(era), TimeTag(era.Add(-time.Second / 2)), 22050, ""},
		{"half a frame rounds to the next one", at(now), TimeTag(now) + 1<<32/2/44100 + 1, 44101, ""},
		{"less than half a frame rounds down", at(now), TimeTag(now) + 1<<32/2/44100, 44100, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.line.FrameAt(c.tag)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func FuzzFrameAt(f *testing.F) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano()
	for _, tag := range []uint64{0, 1, 1<<64 - 1, 1 << 63, timeTag(now), timeTag(now) + 59<<32} {
		f.Add(tag, int64(0), int64(1e12), now-2e12, int64(2e12))
	}
	f.Fuzz(func(t *testing.T, tag uint64, frame, frameNS, wall, now int64) {
		tl := Timeline{Rate: 384000, Frame: frame & (1<<55 - 1), FrameNS: frameNS, WallNS: wall, NowNS: now}
		if got, err := tl.FrameAt(tag); err == nil && got < 0 {
			t.Fatalf("frame %d", got)
		}
	})
}
