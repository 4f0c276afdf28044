package sink

import (
	"sync/atomic"
	"time"

	"chronus/engine/clock"
	"chronus/engine/internal/shm"
)

// Whose turn it is to ask the source for blocks. The device changes the word
// only from turnDevice to turnCall, and from there back, or to turnOver, or
// after a panic to turnClock; the clock changes it only from turnClock to
// turnDevice, and back when the device is silent. So two threads are never in
// the source at once.
const (
	turnClock  = iota
	turnDevice // the device's next call is answered
	turnCall   // the device is within a call
	turnOver   // the device was handed the last block
)

const (
	// A device plays once it has called steadyCalls times, over at least
	// steadyNS, without falling silent: the first calls of a stream fill its
	// buffer, and none of them comes when its block is due.
	steadyCalls = 12
	steadyNS    = 60e6
	// silentNS without a call means that the device is gone, whatever it
	// reports. It is well below the half second within which that must be
	// noticed. A device that empties its buffer in one go may take longer, if
	// the buffer or the block is long: see patience.
	silentNS  = 200e6
	silenceNS = 20e6 // how often the clock's thread checks for it
	// firstNS is silentNS for a stream that does not play yet, of which nothing
	// is heard that could be missed. While nothing plays, PulseAudio's null
	// sink renders two seconds of silence ahead and takes next to nothing of
	// that back: it fills a new stream's buffer and asks again when the two
	// seconds are over.
	firstNS = 3e9
)

// Device is a sound device's side of a player. The device calls from a thread
// of its own, whenever it likes, for as long as it lives. It is answered with
// silence until the clock has handed over, and again once the clock has taken
// over because the device was silent. The hand-over is at the edge of a block:
// no block is asked for twice, and none is left out.
//
// Opened, Closed, Playing, Over, Silent and Wrong are for the driver that opens
// the device; Call is for the device.
type Device struct {
	src      Source
	geo      shm.Geometry
	channels int
	places   []int // channels of the device that play the engine's; nil: see spread
	prove    bool  // the stream must keep time for a whole window before it plays
	entered  func()
	anchored func(g Grid, begins bool)

	turn   atomic.Uint32
	opened atomic.Int64 // CLOCK_MONOTONIC ns of Opened; 0: no stream
	beat   atomic.Int64 // time of the last call, or of Opened
	calls  atomic.Uint64
	again  atomic.Bool // the next answered call is the first after a hand-over
	panics atomic.Uint64
	loop   delayLock
	speed  speed
	buffer atomic.Int64 // what the device's buffer holds, ns
	keeps  atomic.Bool  // the calls of the stream so far are those of a clock
	xrun   uint64       // the block after an xrun in the last call; 0: it had none
	dry    bool         // the device had run dry before the last call
	buf    []float32
}

// NewDevice returns a device that is not open. entered is called on the
// device's thread at the first call of each stream; anchored is called at each
// block with the grid that the block is on, and whether that grid begins there.
func NewDevice(src Source, g shm.Geometry, entered func(), anchored func(g Grid, begins bool)) *Device {
	return &Device{src: src, geo: g, entered: entered, anchored: anchored, buf: make([]float32, g.Samples())}
}

// Opened announces that a stream is about to start.
func (d *Device) Opened(o Opening) {
	d.channels, d.places, d.prove = o.Channels, o.Map, o.Prove
	d.calls.Store(0)
	d.keeps.Store(false)
	d.speed.restart(d.geo.BlockNS())
	d.Holds(o.Latency)
	now := clock.Now()
	d.beat.Store(now)
	d.opened.Store(now)
}

// Opening is what a driver knows of the stream that it has opened.
type Opening struct {
	Channels int // of the stream
	// Map holds a channel of the stream for each of the engine's, from 0. nil:
	// channel c of the stream plays the engine's channel c modulo their number,
	// so that a mono engine sounds on all of them.
	Map     []int
	Latency time.Duration // that was asked for or is reported: what its buffer holds
	// Prove keeps the stream from playing before it has kept time for a second:
	// the last one did not.
	Prove bool
}

// Holds announces what the device's buffer holds, when that has changed.
func (d *Device) Holds(latency time.Duration) {
	d.buffer.Store(int64(latency))
	d.speed.slack.Store(max(int64(latency), d.geo.BlockNS()))
}

// Wrong returns why the stream is no clock, nil as long as it is one.
func (d *Device) Wrong() error {
	if permille := d.speed.wrong.Load(); permille != 0 {
		return &NotAClock{permille}
	}
	return nil
}

// Closed announces that the stream is gone: no call comes after Closed.
func (d *Device) Closed() { d.opened.Store(0) }

// Playing reports whether the device paces the engine.
func (d *Device) Playing() bool {
	turn := d.turn.Load()
	return turn == turnDevice || turn == turnCall
}

// Over reports whether the device was handed the last block.
func (d *Device) Over() bool { return d.turn.Load() == turnOver }

// Silent reports whether an open device has stopped calling.
func (d *Device) Silent() bool {
	limit := d.patience()
	if !d.Playing() {
		limit = max(firstNS, 2*limit)
	}
	return d.opened.Load() != 0 && clock.Now()-d.beat.Load() > limit
}

// patience returns how long a device that plays may not call, in ns: it may
// have requested what its buffer holds, or a burst, and be playing that.
func (d *Device) patience() int64 {
	block := d.geo.BlockNS()
	return max(silentNS, d.speed.slack.Load()+block, (shm.MaxBurst+1)*block)
}

// Panics returns the number of calls that ended in a panic. None should; the
// device was given silence.
func (d *Device) Panics() uint64 { return d.panics.Load() }

// Call fills out, frames x the stream's channels interleaved samples. dry means
// that the device had run out of samples before this call, for a time it does
// not report: an xrun. Call allocates nothing and never blocks for longer than
// the source's Callback does.
func (d *Device) Call(out []float32, dry bool) {
	now := clock.Now()
	if d.calls.Add(1) == 1 {
		d.entered()
	}
	d.beat.Store(now)
	d.speed.call(now)
	d.keeps.Store(d.speed.whole.Load() || !d.prove && d.speed.fits())
	if len(out) != int(d.geo.Frames)*d.channels || !d.turn.CompareAndSwap(turnDevice, turnCall) {
		clear(out)
		return
	}
	next := uint32(turnClock) // after a panic, the device must not come back in
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
	spread(out, d.buf, d.channels, int(d.geo.Channels), d.places)
}

// pace keeps the grid that the device's calls are on. A call later than the
// lead, and than what the device's buffer holds, counts as an xrun: the buffer
// has run empty.
func (d *Device) pace(now int64, dry bool) {
	block := d.src.Next()
	begins := d.again.Swap(false)
	same := d.xrun == block // an xrun is reported again at the next call
	if dry && !begins && !(same && d.dry) {
		d.src.Dry()
	}
	d.dry = dry
	late := now - d.loop.due(block)
	if late <= max(int64(d.geo.Lead)*d.geo.BlockNS(), d.buffer.Load()) && (!dry || same) {
		d.xrun = 0 // after a late call, the next one reports that the device ran dry
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
	grid := Grid{Rate: uint64(d.geo.Rate), Frames: uint64(d.geo.Frames), At: block, NS: d.loop.due(block)}
	d.anchored(grid, begins)
}

// offer hands over to a device that calls steadily, and reports whether it did.
// It belongs to the clock's thread.
func (d *Device) offer() bool {
	opened, now := d.opened.Load(), clock.Now()
	if opened == 0 || d.calls.Load() < steadyCalls || now-opened < steadyNS {
		return false
	}
	if !d.keeps.Load() || d.speed.wrong.Load() != 0 {
		return false
	}
	if now-d.beat.Load() > silenceNS+d.geo.BlockNS() {
		return false
	}
	d.again.Store(true)
	d.turn.Store(turnDevice)
	return true
}

// await waits while the device paces. It returns true if the device was handed
// the last block, false if it is the clock's turn.
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
		// Park and not Wait, so that this thread gives its P up: when it kept
		// one, the runtime checked on the P of the device's thread 5000 times
		// per second.
		shm.Park(&d.turn, turn, silenceNS)
	}
}

// spread copies a block of have channels to a device with that many channels.
// The engine's channel c is played by the device's channel places[c], and all
// others are silent. Without places, the device's channel c plays the engine's
// channel c mod have.
func spread(out, block []float32, channels, have int, places []int) {
	if places == nil {
		if channels == have {
			copy(out, block)
			return
		}
		for frame := range len(out) / channels {
			for c := range channels {
				out[frame*channels+c] = block[frame*have+c%have]
			}
		}
		return
	}
	clear(out)
	for frame := range len(out) / channels {
		for c, to := range places {
			out[frame*channels+to] = block[frame*have+c%have]
		}
	}
}
