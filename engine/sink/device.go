package sink

import (
	"sync/atomic"

	"chronus/engine/clock"
	"chronus/engine/internal/shm"
)

// Who asks the source for blocks. The device changes the word only from turnDevice to turnCall and back, or to turnOver; the
// clock only from turnClock to turnDevice, and back when the device is silent. So no two threads are ever in the source.
const (
	turnClock  = iota
	turnDevice // the device's next call is answered
	turnCall   // the device is within a call
	turnOver   // the device was handed the last block
)

const (
	// A device plays once it has called this often, for that long, without being silent: the first calls of a stream fill its
	// buffer, and none of them comes in time.
	steadyCalls = 12
	steadyNS    = 60e6
	// silentNS without a call: the device is gone, whatever it says. Well below the half second in which it must be noticed.
	silentNS  = 200e6
	silenceNS = 20e6 // how often that is looked at
	// firstNS is the same for a stream that does not play yet: nothing is heard of it that could be missed. PulseAudio's null sink has
	// two seconds of silence made when nobody plays, of which it takes back next to nothing: it fills a new stream's buffer and asks
	// again when they are over.
	firstNS = 3e9
)

// Device is a sound device's side of a player. The device calls from a thread of its own, whenever it likes, for as long as
// it lives; it is answered with silence until the clock has handed over, and again from when the clock has taken over,
// because the device was silent. The hand-over is at the edge of a block: none is asked for twice, none left out.
//
// Opened, Closed, Playing and Silent are for whoever opens the device, Call is for the device.
type Device struct {
	src      Source
	geo      shm.Geometry
	channels int
	entered  func()
	anchored func(g Grid, begins bool)

	turn   atomic.Uint32
	opened atomic.Int64 // CLOCK_MONOTONIC ns of Opened; 0: no stream
	beat   atomic.Int64 // of the last call, or of Opened
	calls  atomic.Uint64
	again  atomic.Bool // the next answered call is the first after a hand-over
	panics atomic.Uint64
	loop   delayLock
	xrun   uint64 // the block after the last xrun; 0: none just now
	buf    []float32
}

// NewDevice is a device that is not open. entered is run on its thread at the first call of each stream, anchored is told for
// each block of the grid it is on, and whether that grid begins there.
func NewDevice(src Source, g shm.Geometry, entered func(), anchored func(g Grid, begins bool)) *Device {
	return &Device{src: src, geo: g, entered: entered, anchored: anchored, buf: make([]float32, g.Samples())}
}

// Opened says that a stream with that many channels is about to start. A mono engine sounds on all of them.
func (d *Device) Opened(channels int) {
	d.channels = channels
	d.calls.Store(0)
	now := clock.Now()
	d.beat.Store(now)
	d.opened.Store(now)
}

// Closed says that there is no stream any more: no call comes after it.
func (d *Device) Closed() { d.opened.Store(0) }

// Playing says whether the device paces the engine.
func (d *Device) Playing() bool {
	turn := d.turn.Load()
	return turn == turnDevice || turn == turnCall
}

// Over says whether the device was handed the last block.
func (d *Device) Over() bool { return d.turn.Load() == turnOver }

// Silent says whether an open device has stopped calling.
func (d *Device) Silent() bool {
	limit := int64(silentNS)
	if !d.Playing() {
		limit = firstNS
	}
	return d.opened.Load() != 0 && clock.Now()-d.beat.Load() > limit
}

// Panics counts the calls that ended in a panic. None should; the device heard silence.
func (d *Device) Panics() uint64 { return d.panics.Load() }

// Call fills out, frames x the stream's channels, interleaved. dry says that the device had nothing to play before this call, for a
// time it does not tell: an xrun. It allocates nothing and never blocks for longer than the source's Callback does.
func (d *Device) Call(out []float32, dry bool) {
	now := clock.Now()
	if d.calls.Add(1) == 1 {
		d.entered()
	}
	d.beat.Store(now)
	if len(out) != int(d.geo.Frames)*d.channels || !d.turn.CompareAndSwap(turnDevice, turnCall) {
		clear(out)
		return
	}
	next := uint32(turnClock) // a panic, whose thread must not come back
	defer func() {
		if recover() != nil {
			d.panics.Add(1)
			clear(out)
		}
		d.turn.Store(next)
		if next != turnDevice {
			shm.Wake(&d.turn)
		}
	}()
	d.pace(now, dry)
	if d.src.Callback(d.buf) {
		next = turnDevice
	} else {
		next = turnOver
	}
	spread(out, d.buf, d.channels, int(d.geo.Channels))
}

// pace keeps the grid that the device's calls are on, and takes a call later than the lead for what it is: its buffer has run
// empty, an xrun.
func (d *Device) pace(now int64, dry bool) {
	block := d.src.Next()
	begins := d.again.Swap(false)
	late := now - d.loop.due(block)
	if late <= int64(d.geo.Lead)*d.geo.BlockNS() && (!dry || d.xrun == block) {
		d.xrun = 0 // of a call that came late the device says with the next that it ran dry
	} else if !begins {
		d.src.Xrun(max(late, 0))
		d.xrun = block + 1
		begins = true
	}
	if begins {
		d.loop.start(block, now, d.geo)
	} else {
		d.loop.update(block, now)
	}
	d.anchored(Grid{Rate: uint64(d.geo.Rate), Frames: uint64(d.geo.Frames), At: block, NS: d.loop.due(block)}, begins)
}

// offer hands over to a device that calls steadily. It belongs to the clock's thread.
func (d *Device) offer() bool {
	opened, now := d.opened.Load(), clock.Now()
	if opened == 0 || d.calls.Load() < steadyCalls || now-opened < steadyNS || now-d.beat.Load() > silenceNS+d.geo.BlockNS() {
		return false
	}
	d.again.Store(true)
	d.turn.Store(turnDevice)
	return true
}

// await waits while the device paces. True: it was handed the last block. False: it is the clock's turn.
func (d *Device) await() (over bool) {
	for {
		turn := d.turn.Load()
		switch turn {
		case turnOver:
			return true
		case turnClock:
			return false
		case turnDevice:
			if (d.Silent() || d.opened.Load() == 0) && d.turn.CompareAndSwap(turnDevice, turnClock) {
				return false
			}
		}
		// Told to the Go scheduler: with a P kept here, the runtime watched the device's own 5000 times a second.
		shm.Park(&d.turn, turn, silenceNS)
	}
}

// spread copies a block to a device with another number of channels: channel c hears the engine's channel c mod its own.
func spread(out, block []float32, channels, have int) {
	if channels == have {
		copy(out, block)
		return
	}
	for frame := range len(out) / channels {
		for c := range channels {
			out[frame*channels+c] = block[frame*have+c%have]
		}
	}
}
