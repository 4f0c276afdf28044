// Package sink is where an engine's sound goes. It names the kinds of sink,
// parses the name of one into a Spec, and holds what asks the player for
// blocks: the clock, and a sound device for as long as one calls. It must not
// touch what a block holds, which is the player's business.
//
// A kind of sink has a file of its own here and an entry in the table of kinds;
// engine and player read the rest off its Kind. What reaches the outside world
// has a package below: portaudio drives a device, wavfile writes a file.
package sink

// Source hands out blocks.
type Source interface {
	// Next returns the number of the block that Callback hands out next.
	Next() uint64
	// Callback fills out with the next block, frames x channels interleaved
	// samples, and returns false if that was the last.
	Callback(out []float32) bool
	// Xrun reports that the machine let the next call come ns late, so late
	// that the grid starts anew.
	Xrun(ns int64)
	// Dry reports that the device had nothing left to play before the next
	// call, which a listener heard.
	Dry()
}

// Grid is where blocks are due when no device paces them: Frames/Rate seconds
// apart, from an anchor.
type Grid struct {
	Rate, Frames uint64
	At           uint64 // the block at the anchor
	NS           int64  // CLOCK_MONOTONIC at which it is due
}

// Due returns the time at which block is due, in ns of CLOCK_MONOTONIC. It is
// computed from the anchor and not from the block before, so that no error adds
// up.
func (g *Grid) Due(block uint64) int64 {
	frames := (block - g.At) * g.Frames
	return g.NS + int64(frames/g.Rate)*1e9 + int64(frames%g.Rate*1e9/g.Rate)
}
