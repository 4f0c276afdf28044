package osc

import (
	"fmt"
	"math/bits"
	"time"
)

// Horizon is how far ahead a time tag may lie. One that lies further ahead
// would only occupy memory.
const Horizon = 60 * time.Second

// anotherEpoch is how far ahead a time tag lies that cannot be meant: it comes
// from a client that counts from 1970, 2001 or its own start instead of 1900.
// No error of a time zone is as large.
const anotherEpoch = 24 * time.Hour

// ntpUnix is the number of seconds from NTP's epoch, 1900, to Unix's (RFC 5905,
// section 6).
const ntpUnix = 2208988800

// TimeTag returns t as an OSC time tag, which counts units of 2^-32 s since
// 1900, rounded to the nearest.
func TimeTag(t time.Time) uint64 { return timeTag(t.UnixNano()) }

func timeTag(unixNS int64) uint64 {
	sec, ns := floor(unixNS)
	return uint64(sec+ntpUnix)<<32 + (uint64(ns)<<32+5e8)/1e9
}

// floor splits ns into whole seconds and a remainder of 0 to 999,999,999.
func floor(ns int64) (sec, rest int64) {
	sec, rest = ns/1e9, ns%1e9
	if rest < 0 {
		sec, rest = sec-1, rest+1e9
	}
	return sec, rest
}

// Timeline relates frames to time, as known at one instant. It is a value so
// that all tags of a datagram can be mapped by the same one, which preserves
// their distances.
type Timeline struct {
	Rate    int64 // Hz, at most 2^20
	Frame   int64 // an absolute frame
	FrameNS int64 // CLOCK_MONOTONIC at which it is due, ns
	WallNS  int64 // CLOCK_REALTIME minus CLOCK_MONOTONIC, ns
	NowNS   int64 // CLOCK_MONOTONIC, ns, from which the horizon counts
}

// FrameAt returns the absolute frame that is due closest to an NTP time tag.
// The result is exact: only the last step rounds. A tag before frame 0 maps to
// frame 0, and so does one of another epoch, which is late therefore. NTP's 32
// bits of seconds are taken to mean the time closest to the frame's, so the
// change of era in 2036 goes unnoticed. The error reports that the tag lies
// beyond the horizon, and how far ahead it is.
func (t *Timeline) FrameAt(tag uint64) (int64, error) {
	switch ahead := t.ahead(tag); {
	case ahead > int64(anotherEpoch/time.Second)<<32:
		return 0, nil
	case ahead > int64(Horizon/time.Second)<<32:
		return 0, fmt.Errorf("time tag %.1f s ahead (at most %.0f s): check the client's clock",
			float64(ahead)/(1<<32), Horizon.Seconds())
	}
	sec, ns := floor(t.FrameNS + t.WallNS)
	d := int64(tag - uint64(sec+ntpUnix)<<32) // 2^-32 s, from the second in which the frame is due
	// frames = (d / 2^32 - ns / 10^9) * Rate. The whole seconds of d are whole
	// frames. The remainder is a fraction of a second, greater than -1, with
	// the denominator 2^32 * 10^9; 2^9 divides both its numerator and its
	// denominator. Adding one second makes it positive.
	const den = 1 << 32 * 1953125 // 2^32 * 5^9
	num := uint64(uint32(d))*1953125 + den - uint64(ns)<<23
	hi, lo := bits.Mul64(num, uint64(t.Rate))
	lo, carry := bits.Add64(lo, den/2, 0)
	frames, _ := bits.Div64(hi+carry, lo, den)
	return max(0, t.Frame+(d>>32-1)*t.Rate+int64(frames)), nil
}

// ahead returns how far ahead of now a tag lies, in units of 2^-32 s.
func (t *Timeline) ahead(tag uint64) int64 { return int64(tag - timeTag(t.NowNS+t.WallNS)) }

// wrong describes by how much the clock behind a tag is wrong, if nothing else
// explains the tag, or returns "".
func (t *Timeline) wrong(tag uint64) string {
	const day = 86400
	ahead := float64(t.ahead(tag)) / (1 << 32) // s
	side := "ahead"
	if ahead < 0 {
		ahead, side = -ahead, "behind"
	}
	switch {
	case side == "ahead" && ahead <= anotherEpoch.Seconds(), ahead <= Horizon.Seconds():
		return ""
	case ahead < 2*day:
		return fmt.Sprintf("%.0f s %s", ahead, side)
	}
	return fmt.Sprintf("%.0f days %s", ahead/day, side)
}
