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
	sineFreq = 440 // Hz, an integer: that makes its phase a ratio of integers
	sineAmp  = 0.5
)

// closedForm holds the sound of patch sine to sineAmp*sin(2*pi*sineFreq*n/rate), n counting the frames that were rendered:
// in an outage nobody renders and the phase stands still.
type closedForm struct {
	Assertion
	rate      uint64
	perBlock  uint64
	channels  int
	frames    uint64 // compared
	rendered  uint64 // blocks rendered before the last followed one, on its way from the initial state
	standings []standing
}

// standing says that from a block on so many blocks before it have never been rendered.
type standing struct {
	block   uint64
	skipped uint64
}

// newClosedForm is nil for another patch than the built-in one, and for a run with commands.
func newClosedForm(h tape.Header, commands uint64) *closedForm {
	p, err := patch.Load("sine")
	if h.Patch != "sine" || commands > 0 || err != nil || !bytes.Equal(p.Text(), []byte(h.PatchText)) {
		return nil
	}
	return &closedForm{Assertion: Assertion{Name: ClosedForm}, rate: uint64(h.Rate), perBlock: uint64(h.Frames), channels: h.Channels}
}

// follow takes each block that was rendered, lost ones too, in their order. It goes before check.
func (f *closedForm) follow(b *tape.Block) {
	for len(f.standings) > 0 && f.standings[len(f.standings)-1].block >= b.Prev {
		f.standings = f.standings[:len(f.standings)-1] // b goes on from before that
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

// check holds the sound of a delivered block to the sine.
func (f *closedForm) check(b *tape.Block, sound []float32) {
	start := f.rendered * f.perBlock
	for i := range f.perBlock {
		want := float32(sineAmp * sine(sineFreq, start+i, f.rate))
		for _, got := range sound[int(i)*f.channels : (int(i)+1)*f.channels] {
			if near(got, want) {
				continue
			}
			f.violated(1, func() string {
				return fmt.Sprintf("block %d, frame %d: %v, a sine has %v", b.Block, b.Block*f.perBlock+i, got, want)
			})
			break
		}
	}
	f.frames += f.perBlock
}

// sine is sin(2*pi*freq*n/rate). The phase is reduced in integers to a quarter turn, so that it is exact for any n and
// zero crossings are zero.
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

// near says whether two samples are at most one float32 apart.
func near(a, b float32) bool {
	x, y := order(a), order(b)
	return a-a == 0 && x-y >= -1 && x-y <= 1
}

// order maps finite float32 to integers such that neighbours differ by one; both zeros are 0.
func order(v float32) int64 {
	i := int64(int32(math.Float32bits(v)))
	if i < 0 {
		i = math.MinInt32 - i
	}
	return i
}
