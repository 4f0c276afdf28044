package sink

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chronus/engine/clock"
	"chronus/engine/internal/shm"
)

// blocks is a source whose block n is full of n+1 and which hands out no block
// after last. It has no lock, so that the race detector sees two threads in it
// at once.
type blocks struct {
	next  uint64
	last  uint64
	heard []uint64
	panic bool
	xruns int
	dry   int
}

func (b *blocks) Next() uint64 { return b.next }
func (b *blocks) Xrun(int64)   { b.xruns++ }
func (b *blocks) Dry()         { b.dry++ }

func (b *blocks) Callback(out []float32) bool {
	if b.panic {
		b.panic = false
		panic("planted")
	}
	for i := range out {
		out[i] = float32(b.next + 1)
	}
	b.heard = append(b.heard, b.next)
	b.next++
	return b.next <= b.last
}

func testGeometry(t testing.TB, channels int) shm.Geometry {
	g, err := shm.NewGeometry(44100, 16, channels, 3, 1, 0, 0, false)
	require.NoError(t, err)
	return g
}

// open makes the device look as if it had called steadily for long enough.
func open(d *Device, channels int) {
	d.Opened(Opening{Channels: channels})
	d.keeps.Store(true)
	d.opened.Store(clock.Now() - 2*steadyNS)
	d.calls.Store(steadyCalls)
	d.beat.Store(clock.Now() + 10e9) // however long the test is held up
}

func TestEveryBlockIsAskedForOnceWhicheverPaces(t *testing.T) {
	g := testGeometry(t, 1)
	src := &blocks{last: 1 << 40}
	begins := 0
	entered := 0
	d := NewDevice(src, g, func() { entered++ }, func(_ Grid, b bool) {
		if b {
			begins++
		}
	})
	out := make([]float32, 16*2)
	rnd := rand.New(rand.NewPCG(1, 2))
	want := uint64(0)
	for range 200 {
		// The clock's turn: the device is answered with silence, and is offered
		// the turn only once it calls steadily.
		require.False(t, d.offer(), "no stream")
		d.Opened(Opening{Channels: 2})
		d.Call(out, false)
		require.Zero(t, out[0])
		require.False(t, d.offer(), "it has only just begun")
		beat := d.beat.Load()
		d.beat.Store(clock.Now() - silentNS - 1)
		require.False(t, d.Silent(), "it has filled its buffer and may take its time")
		d.beat.Store(clock.Now() - firstNS - 1)
		require.True(t, d.Silent())
		d.beat.Store(beat)
		require.EqualValues(t, want, src.next, "nothing was asked for")
		src.Callback(out[:16])
		want++
		open(d, 2)
		require.True(t, d.offer())
		require.True(t, d.Playing())
		for range rnd.IntN(5) {
			d.Call(out, false)
			require.Equal(t, float32(want+1), out[0])
			require.Equal(t, float32(want+1), out[31], "a mono engine sounds on both channels")
			want++
		}
		// It falls silent.
		d.beat.Store(clock.Now() - silentNS - 1)
		require.True(t, d.Silent())
		require.False(t, d.await(), "not over, the clock's turn")
		require.False(t, d.Playing())
		d.Call(out, false)
		require.Zero(t, out[0], "a device that comes back waits for the clock to hand over")
		d.Closed()
	}
	for i, n := range src.heard {
		require.EqualValues(t, i, n)
	}
	require.Equal(t, 200, entered, "once a stream")
	require.NotZero(t, begins)
}

func TestDeviceIsHandedTheLastBlockAndThenSilence(t *testing.T) {
	g := testGeometry(t, 2)
	src := &blocks{last: 2}
	d := NewDevice(src, g, func() {}, func(Grid, bool) {})
	open(d, 2)
	require.True(t, d.offer())
	out := make([]float32, 16*2)
	for want := range 3 {
		require.False(t, d.Over())
		d.Call(out, false)
		require.Equal(t, float32(want+1), out[0])
	}
	require.True(t, d.Over())
	require.True(t, d.await())
	d.Call(out, false)
	require.Zero(t, out[0])
	require.EqualValues(t, 3, src.next)
}

func TestPanicInTheCallbackIsSilenceAndEndsTheDevicesTurn(t *testing.T) {
	g := testGeometry(t, 1)
	src := &blocks{last: 9, panic: true}
	d := NewDevice(src, g, func() {}, func(Grid, bool) {})
	open(d, 1)
	require.True(t, d.offer())
	out := []float32{15: 1}
	d.Call(out, false)
	require.Zero(t, out[15])
	require.EqualValues(t, 1, d.Panics())
	require.False(t, d.await(), "the clock's turn")
}

func TestDeviceThatRanDryOrCameLateIsAnXrun(t *testing.T) {
	g, err := shm.NewGeometry(44100, 8192, 1, 3, 1, 0, 0, false) // half a second is not late
	require.NoError(t, err)
	src := &blocks{last: 99}
	var grid Grid
	begins := 0
	d := NewDevice(src, g, func() {}, func(is Grid, b bool) {
		grid = is
		if b {
			begins++
		}
	})
	open(d, 1)
	require.True(t, d.offer())
	out := make([]float32, 8192)
	d.Call(out, true)
	require.Zero(t, src.xruns, "running dry before its turn does not count")
	d.Call(out, true)
	require.Equal(t, 1, src.xruns)
	d.Call(out, true)
	require.Equal(t, 1, src.xruns, "the same xrun, reported again")
	d.loop.base -= 1000 * int64(g.Lead+1) * g.BlockNS()
	d.Call(out, false)
	require.Equal(t, 2, src.xruns)
	require.Equal(t, 3, begins)
	require.Equal(t, 1, src.dry, "what the device says it lacked was heard, what was only late was not")
	require.EqualValues(t, 3, grid.At)
}

// TestClockHandsOverAndTakesBack drives the real clock beside a device on
// another thread that falls silent several times.
func TestClockHandsOverAndTakesBack(t *testing.T) {
	g := testGeometry(t, 1)
	src := &blocks{last: 1 << 40}
	d := NewDevice(src, g, func() {}, func(Grid, bool) {})
	const turns = 3
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		out := make([]float32, 16)
		for turn := range turns {
			open(d, 1)
			for !d.Playing() {
				d.beat.Store(clock.Now())
				runtime.Gosched()
			}
			for range 10 {
				d.Call(out, false)
			}
			if turn == turns-1 {
				// The next block is the last. It is the device's turn, so no
				// other thread reads this.
				src.last = 0
				d.Call(out, false)
				return
			}
			d.beat.Store(clock.Now() - silentNS - 1)
			for d.Playing() {
				runtime.Gosched()
			}
			d.Closed()
		}
	}()
	anchors := 0
	Clock(src, g, d, func(Grid) { anchors++ })
	<-ended
	require.GreaterOrEqual(t, anchors, turns, "the first, and one per take-over; more if the machine was late")
	for i, n := range src.heard {
		require.EqualValues(t, i, n)
	}
}

func TestCallAllocatesNothing(t *testing.T) {
	g := testGeometry(t, 1)
	src := &blocks{last: 1 << 40, heard: make([]uint64, 0, 1<<20)}
	d := NewDevice(src, g, func() {}, func(Grid, bool) {})
	open(d, 2)
	require.True(t, d.offer())
	out := make([]float32, 32)
	require.Zero(t, testing.AllocsPerRun(1000, func() { d.Call(out, false) }))
}

// TestDelayLockFollowsTheDevicesRateThroughBursts has a device that runs 150
// ppm fast and asks for three blocks at a time.
func TestDelayLockFollowsTheDevicesRateThroughBursts(t *testing.T) {
	g, err := shm.NewGeometry(44100, 256, 1, 3, 1, 0, 0, false)
	require.NoError(t, err)
	const ppm = 150
	period := 256e9 / 44100 / (1 + ppm*1e-6)
	var l delayLock
	l.start(0, 1e12, g)
	half := int64(0)
	for n := uint64(1); n < 60_000; n++ {
		call := 1e12 + float64(n/3*3)*period
		l.update(n, int64(call))
		if n == 29_999 {
			half = l.due(30_000)
		}
	}
	require.InDelta(t, period, float64(l.due(60_000)-half)/30_000, period*1e-6, "the rate within 1 ppm")
	// The calls of a burst come one block early on average: that is where the
	// grid is.
	due := 1e12 + 60_000*period - period
	require.InDelta(t, due, float64(l.due(60_000)), 0.3*period)
}

func TestDevicesAreFoundByIndexNameOrPartOfIt(t *testing.T) {
	list := []DeviceInfo{
		{Index: 0, Name: "HDA Intel: ALC"},
		{Index: 3, Name: "pulse", Default: true},
		{Index: 4, Name: "pulse 2"},
		{Index: 5, Name: "USB DAC"},
	}
	for name, want := range map[string]int{"": 3, "0": 0, "5": 5, "pulse": 3, "usb": 5, "alc": 0} {
		d, err := Find(list, name)
		require.NoError(t, err, name)
		require.Equal(t, want, d.Index, name)
	}
	for name, want := range map[string]string{
		"9":    `no output device has index 9 (there are: 0 HDA Intel: ALC, 3 pulse, 4 pulse 2, 5 USB DAC)`,
		"tape": `no output device "tape" (there are: 0 HDA Intel: ALC, 3 pulse, 4 pulse 2, 5 USB DAC)`,
		"PUL":  `"PUL" is part of the names of several output devices: 3 pulse, 4 pulse 2`,
	} {
		_, err := Find(list, name)
		require.EqualError(t, err, want)
	}
	_, err := Find(nil, "")
	require.ErrorIs(t, err, ErrNoDevice)
	d, err := Find([]DeviceInfo{{Index: 2}}, "")
	require.NoError(t, err)
	require.Equal(t, 2, d.Index, "without a default device, the first")
}

func TestBurstIsWhatTheBufferHolds(t *testing.T) {
	const block = 5_804_988
	require.Equal(t, 1, Burst(0, block))
	require.Equal(t, 1, Burst(block, block))
	require.Equal(t, 4, Burst(Options{}.latency(DeviceInfo{}, block), block))
	require.Equal(t, 5, Burst(4*block+1, block))
}

func TestDeviceMayPlayWhatItHasRequestedBeforeItIsCalledSilent(t *testing.T) {
	for name, c := range map[string]struct {
		frames, rate int
		latency      time.Duration
		limit        int64 // ns
	}{
		"short blocks":              {256, 44100, 20 * time.Millisecond, silentNS},
		"a burst of long blocks":    {8192, 8000, 0, 6 * 1_024_000_000},
		"a buffer of half a second": {256, 48000, 500 * time.Millisecond, 505_333_333},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := shm.NewGeometry(c.rate, c.frames, 1, 3, 1, 0, 0, false)
			require.NoError(t, err)
			d := NewDevice(&blocks{}, g, func() {}, func(Grid, bool) {})
			open(d, 1)
			d.Holds(c.latency)
			require.True(t, d.offer())
			require.Equal(t, c.limit, d.patience())
			d.beat.Store(clock.Now() - c.limit + 10e9)
			require.False(t, d.Silent())
			d.beat.Store(clock.Now() - c.limit - 1)
			require.True(t, d.Silent())
		})
	}
}
