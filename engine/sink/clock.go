// Package sink asks a player for blocks: it is where time comes from. It says when the next block is due and must not touch what
// the block holds, which is the player's. The clock asks where there is no device, and whenever a device does not call; packages
// portaudio and wavfile hold the device and the file.
package sink

import (
	"chronus/engine/clock"
	"chronus/engine/internal/shm"
)

// Source hands out blocks.
type Source interface {
	Next() uint64                // number of the block that Callback hands out next
	Callback(out []float32) bool // false: that was the last
	Xrun(ns int64)               // the machine let the next call come so late that the grid starts anew
}

// Grid is where blocks are due when no device paces them: Frames/Rate seconds apart, from an anchor.
type Grid struct {
	Rate, Frames uint64
	At           uint64 // the block at the anchor
	NS           int64  // CLOCK_MONOTONIC at which it is due
}

// Due is when block is due, in ns. It is computed from the anchor and not from the block before, so that no error adds up.
func (g *Grid) Due(block uint64) int64 {
	frames := (block - g.At) * g.Frames
	return g.NS + int64(frames/g.Rate)*1e9 + int64(frames%g.Rate*1e9/g.Rate)
}

// Clock paces src by absolute deadlines on CLOCK_MONOTONIC until its last block. A call later than lead blocks does not
// race to catch up: the grid is anchored anew, which is an xrun of the machine and loses no frame. anchored is told of
// every anchor. Where there is a device (nil: none), the clock hands over to it as soon as it calls steadily, and takes over
// when it falls silent. It runs on the calling thread.
func Clock(src Source, g shm.Geometry, dev *Device, anchored func(Grid)) {
	buf := make([]float32, g.Samples())
	grid := Grid{Rate: uint64(g.Rate), Frames: uint64(g.Frames)}
	anchor := func(ns int64) {
		grid.At, grid.NS = src.Next(), ns
		anchored(grid)
	}
	anchor(clock.Now() + int64(g.Lead)*g.BlockNS()) // the workers' time to fill the lead
	for {
		due := grid.Due(src.Next())
		clock.SleepUntil(due)
		if late := clock.Now() - due; late > int64(g.Lead)*g.BlockNS() {
			anchor(due + late)
			src.Xrun(late)
		}
		if !src.Callback(buf) {
			return
		}
		if dev != nil && dev.offer() {
			if dev.await() {
				return
			}
			anchor(clock.Now()) // whatever was due while it was silent is late already
		}
	}
}
