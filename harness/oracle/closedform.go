package oracle

import (
	"bytes"
	"fmt"
	"math"

	"chronus/engine/patch"
	"chronus/engine/tape"
)

// The sound of the built-in patch sine.
const (
	sineFreq = 440 // Hz; an integer, which makes the phase a ratio of integers
	sineAmp  = 0.5
)

// closedForm compares the sound of the patch sine with
// sineAmp*sin(2*pi*sineFreq*n/rate), where n counts the frames that were
// rendered: in an outage no worker renders and the phase stands still.
type closedForm struct {
	Assertion
	rate      uint64
	perBlock  uint64
	channels  int
	frames    uint64 // compared
	rendered  uint64 // blocks rendered from the initial state until before the last followed one
	standings []standing
}

// standing means that skipped blocks before a block were never rendered.
type standing struct {
	block   uint64
	skipped uint64
}

// newClosedForm returns nil for any patch but the built-in one, and for a run
// with commands.
func newClosedForm(h tape.Header, commands uint64) *closedForm {
	p, err := patch.Load("sine")
	if h.Patch != "sine" || commands > 0 || err != nil || !bytes.Equal(p.Text(), []byte(h.PatchText)) {
		return nil
	}
	return &closedForm{
		Assertion: Assertion{Name: ClosedForm},
		rate:      uint64(h.Rate), perBlock: uint64(h.Frames), channels: h.Channels,
	}
}

// follow takes each block that was rendered, including lost ones, in order. It
// must be called before check.
func (f *closedForm) follow(b *tape.Block) {
	for len(f.standings) > 0 && f.standings[len(f.standings)-1].block >= b.Prev {
		f.standings = f.standings[:len(f.standings)-1] // b continues from before it
	}
	skipped := uint64(0)
	if n := len(f.standings); n > 0 {
		skipped = f.standings[n-1].skipped
	}
	if b.Prev != b.Block {
		skipped += b.Block - b.Prev
		f.standings = append(f.standings, standing{b.Block, skipped})
	}
	f.rendered = b.Block - skipped
}

// check compares the sound of a delivered block with the sine.
func (f *closedForm) check(b *tape.Block, sound []float32) {
	start := f.rendered * f.perBlock
	for i := range f.perBlock {
		want := float32(sineAmp * sine(sineFreq, start+i, f.rate))
		for _, got := range sound[int(i)*f.channels : (int(i)+1)*f.channels] {
			if near(got, want) {
				continue
			}
			f.violated(1, func() string {
				return fmt.Sprintf("block %d, frame %d: %v, a sine has %v",
					b.Block, b.Block*f.perBlock+i, got, want)
			})
			break
		}
	}
	f.frames += f.perBlock
}

// sine returns sin(2*pi*freq*n/rate). The phase is reduced to a quarter turn in
// integers, so that it is exact for any n and zero crossings are zero.
func sine(freq, n, rate uint64) float64 {
	quarters := 4 * (freq % rate * (n % rate) % rate)
	x := math.Pi / 2 * float64(quarters%rate) / float64(rate)
	switch quarters / rate {
	case 0:
		return math.Sin(x)
	case 1:
		return math.Cos(x)
	case 2:
		return -math.Sin(x)
	}
	return -math.Cos(x)
}

// near reports whether two samples are at most one float32 apart.
func near(a, b float32) bool {
	x, y := order(a), order(b)
	return a-a == 0 && x-y >= -1 && x-y <= 1
}

// order maps finite float32 values to integers such that neighbours differ by
// one. Both zeros map to 0.
func order(v float32) int64 {
	i := int64(int32(math.Float32bits(v)))
	if i < 0 {
		i = math.MinInt32 - i
	}
	return i
}
