package sink

import (
	"chronus/engine/clock"
	"chronus/engine/internal/shm"
)

// clockKind is paced and silent.
var clockKind = &Kind{Name: "clock", Player: LeanPlayer}

// Clock calls src for blocks, from now on at absolute deadlines on
// CLOCK_MONOTONIC, until
// src hands out its last. A call that comes later than the lead does not race
// to catch up: the grid is anchored anew, which is an xrun of the machine and
// loses no frame. anchored is called with every anchor. Clock hands over to
// dev, which may be nil, as soon as it calls steadily, and takes over again
// when it falls silent. It runs on the calling thread.
func Clock(src Source, g shm.Geometry, dev *Device, anchored func(Grid)) {
	buf := make([]float32, g.Samples())
	grid := Grid{Rate: uint64(g.Rate), Frames: uint64(g.Frames)}
	anchor := func(ns int64) {
		grid.At, grid.NS = src.Next(), ns
		anchored(grid)
	}
	anchor(clock.Now()) // src is ready
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
			anchor(clock.Now()) // what was due during its silence is late already
		}
	}
}
