package listener

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Heard is what a recording holds of the sound that an engine reports as
// delivered. Every frame of sound in the recording is counted in exactly one of
// Compared, Wrong, Repeated and Misplaced.
type Heard struct {
	First    int // the first delivered frame that was heard
	Last     int // the last delivered frame that was heard
	Compared int // frames heard once, in order, bit for bit on every channel
	// Missing counts the frames that were delivered and not heard, from First
	// or from the frame that was due, whichever is earlier.
	Missing   int
	Wrong     int // frames heard in the place of others, or never delivered
	Repeated  int // frames heard again
	Misplaced int // frames heard after later ones
	// Dry counts the frames of silence within the sound that were not
	// delivered: the server had nothing to play.
	Dry int
	// Fault describes in one line the first frame that is wrong, repeated or
	// misplaced, or else missing. It is empty if there is none.
	Fault string
}

// Faults returns how many frames were heard that should not have been.
func (h *Heard) Faults() int { return h.Wrong + h.Repeated + h.Misplaced }

// ErrNotPlaced means that a recording cannot be compared, because no part of it
// has exactly one place in the delivered sound.
var ErrNotPlaced = errors.New("listener: the recording has no place in the delivered sound")

// window is the number of frames that place a recording in the delivered sound.
const window = 32

// Compare finds the place of a recording in the delivered sound and compares
// everything that follows, on every channel. delivered has interleaved
// channels; the recording has [Channels]. All frames from the delivered frame
// due on must have been heard, and all frames from the first one heard on if
// that is earlier. Silence has no place of its own, so the frames that sound
// are compared one by one, but of the silence between them only the amount. The
// sound must not be periodic.
//
// After a fault, Compare finds its place again if at least two windows follow
// that are as they were delivered. The error is ErrNotPlaced.
func Compare(delivered []float32, channels int, recording []float32, due int) (*Heard, error) {
	want, got := soundOf(delivered, channels), soundOf(recording, Channels)
	c := &comparison{want: want, got: got, low: math.MaxInt, high: -1}
	c.index()
	i, j, ok := c.place(0)
	if !ok {
		return nil, ErrNotPlaced
	}
	// The frames before the first stretch that has a place may be in place as
	// well: one fault among them is enough for their windows not to match.
	back := min(i, j)
	if i > back {
		c.fault(&c.res.Wrong, i-back, "frame %d of the recording comes before anything that was delivered",
			c.got.at[0])
	}
	c.heard = make([]bool, len(c.want.frames))
	c.follow(i-back, j-back)
	c.count(due)
	return &c.res, nil
}

// sound holds the frames of a sound that are not silent.
type sound struct {
	frames []uint64 // the bits of both channels
	at     []int    // their positions in the original, in frames
}

// soundOf drops the silent frames of samples, which has interleaved channels.
// If an engine does not have two channels, channel c of the device plays the
// channel of the engine that is c modulo their number.
func soundOf(samples []float32, channels int) (s sound) {
	for i := 0; i+channels <= len(samples); i += channels {
		left, right := math.Float32bits(samples[i]), math.Float32bits(samples[i+1%channels])
		if (left|right)<<1 != 0 { // a zero has a sign
			s.frames = append(s.frames, uint64(left)<<32|uint64(right))
			s.at = append(s.at, i/channels)
		}
	}
	return s
}

type comparison struct {
	want, got sound
	places    map[uint64]int // where windows of want begin, by checksum; -1 if ambiguous
	none      bool           // place has searched to the end of the recording in vain
	heard     []bool         // by frame of want
	low, high int            // the first and the last frame of want that was heard
	res       Heard
}

// checksum of the first window frames. It only has to be fast: a place that is
// found by it is verified.
func checksum(frames []uint64) (sum uint64) {
	for _, f := range frames[:window] {
		sum = (sum ^ f) * 0x9e3779b97f4a7c15
		sum ^= sum >> 29
	}
	return sum
}

func (c *comparison) index() {
	c.places = map[uint64]int{}
	for j := 0; j+window <= len(c.want.frames); j += window {
		sum := checksum(c.want.frames[j:])
		if _, ok := c.places[sum]; ok {
			c.places[sum] = -1
		} else {
			c.places[sum] = j
		}
	}
}

// place finds the first stretch of the recording, from frame i on, that has a
// place in what was delivered.
func (c *comparison) place(i int) (at, j int, ok bool) {
	for ; i+window <= len(c.got.frames) && !c.none; i++ {
		j, ok := c.places[checksum(c.got.frames[i:])]
		if ok && j >= 0 && slices.Equal(c.got.frames[i:i+window], c.want.frames[j:j+window]) {
			return i, j, true
		}
	}
	c.none = true
	return 0, 0, false
}

// follow compares the recording from frame i on with what was delivered from
// frame j on.
func (c *comparison) follow(i, j int) {
	for i < len(c.got.frames) {
		if j < len(c.want.frames) && c.got.frames[i] == c.want.frames[j] {
			c.match(i, j)
			i, j = i+1, j+1
			continue
		}
		at, to := c.resume(i, j)
		c.alien(i, j, at-i, to-j)
		i, j = at, to
	}
}

// match takes a frame of the recording that is as it was delivered.
func (c *comparison) match(i, j int) {
	switch {
	case c.heard[j]:
		c.fault(&c.res.Repeated, 1, "frame %d of the recording repeats delivered frame %d",
			c.got.at[i], c.want.at[j])
	case j < c.high:
		c.fault(&c.res.Misplaced, 1, "frame %d of the recording is delivered frame %d, heard after frame %d",
			c.got.at[i], c.want.at[j], c.want.at[c.high])
	default:
		c.res.Compared++
	}
	c.hear(j)
}

func (c *comparison) hear(j int) {
	c.heard[j] = true
	c.low, c.high = min(c.low, j), max(c.high, j)
}

// resume finds where the recording is as it was delivered again, after its
// frame i was not frame j.
func (c *comparison) resume(i, j int) (at, to int) {
	at, to, ok := c.place(i)
	if !ok { // near the end: go on frame by frame
		return i + 1, j + 1
	}
	for at > i && to > 0 && c.got.frames[at-1] == c.want.frames[to-1] {
		at, to = at-1, to-1
	}
	return at, to
}

// alien takes n frames of the recording, from i on, that are not as they were
// delivered; in their place, room frames from j on were delivered. A delivered
// frame whose place is taken by a wrong one does not count as missing too. If n
// equals room, some of the frames may be right.
func (c *comparison) alien(i, j, n, room int) {
	for k := range n {
		inPlace := k < room && j+k < len(c.want.frames)
		switch {
		case inPlace && n == room && c.got.frames[i+k] == c.want.frames[j+k]:
			c.match(i+k, j+k)
		case inPlace:
			c.fault(&c.res.Wrong, 1, "frame %d of the recording differs from delivered frame %d in its place",
				c.got.at[i+k], c.want.at[j+k])
			c.hear(j + k)
		default:
			c.fault(&c.res.Wrong, 1, "frame %d of the recording was never delivered", c.got.at[i+k])
		}
	}
}

// count settles what was not heard, and how much silence there was.
func (c *comparison) count(due int) {
	c.res.First, c.res.Last = c.want.at[c.low], c.want.at[c.high]
	from := c.low
	for from > 0 && c.want.at[from-1] >= due {
		from--
	}
	for j := from; j < len(c.heard); j++ {
		if !c.heard[j] {
			c.fault(&c.res.Missing, 1, "delivered frame %d was not heard", c.want.at[j])
		}
	}
	silence := c.got.silence(0, len(c.got.frames)-1) - c.want.silence(c.low, c.high)
	c.res.Dry = max(0, silence)
	if silence < 0 {
		c.fault(&c.res.Missing, -silence, "%d frames of delivered silence were not heard", -silence)
	}
}

// silence returns the number of silent frames between two frames that are not.
func (s *sound) silence(from, to int) int { return s.at[to] - s.at[from] - (to - from) }

// fault adds by to a count and describes the first fault of the comparison.
func (c *comparison) fault(n *int, by int, format string, args ...any) {
	if c.res.Fault == "" {
		c.res.Fault = fmt.Sprintf(format, args...)
	}
	*n += by
}
