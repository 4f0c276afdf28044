//go:build linux

package engine

import (
	"encoding/binary"
	"log/slog"
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chronus/engine/clock"
	"chronus/engine/control"
	"chronus/engine/internal/cmdlog"
	"chronus/engine/internal/shm"
	"chronus/engine/internal/supervisor"
	"chronus/engine/osc"
	"chronus/engine/patch"
	"chronus/engine/rig"
)

// patience is how long a test waits for what must happen. No test measures
// time.
const patience = 30 * time.Second

// bench returns an engine without processes: the host's side of the command
// path, over regions of its own.
func bench(t *testing.T) (*Engine, *rig.Rig) {
	p, err := patch.Load("sine")
	require.NoError(t, err)
	code, err := p.Compile(44100, 256)
	require.NoError(t, err)
	g, err := shm.NewGeometry(44100, 256, code.Program.Channels, 3, 2, 2, code.Program.Words(), false)
	require.NoError(t, err)
	r := rig.New(t, g)
	r.Player.SetAnchor(0, clock.Now())
	cfg, err := Config{Log: slog.New(slog.DiscardHandler)}.Defaults()
	require.NoError(t, err)
	e := &Engine{cfg: cfg, patch: p, code: code, pool: &supervisor.Pool{Roster: r.Roster}, stopRequest: make(chan struct{})}
	e.queue = cmdlog.NewQueue(cmdlog.NewWriter(r.Host, r.Player, r.Rings), nil)
	e.osc, err = osc.Listen("127.0.0.1", 0)
	require.NoError(t, err)
	return e, r
}

// serve routes incoming datagrams until the test ends.
func serve(t *testing.T, e *Engine, route *osc.Router) net.Conn {
	var done sync.WaitGroup
	done.Go(func() { e.osc.Serve(route) })
	c, err := net.Dial("udp", e.OSC())
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = c.Close()
		_ = e.osc.Close()
		done.Wait()
	})
	return c
}

// message returns the wire form of a message, written out by hand.
func message(address, tags string, args ...byte) []byte {
	pad := func(s string) string { return s + "\x00\x00\x00\x00"[:4-len(s)%4] }
	return append([]byte(pad(address)+pad(","+tags)), args...)
}

func float(v float32) []byte { return binary.BigEndian.AppendUint32(nil, math.Float32bits(v)) }

// bundle returns the wire form of a bundle.
func bundle(tag uint64, elements ...[]byte) []byte {
	data := binary.BigEndian.AppendUint64([]byte("#bundle\x00"), tag)
	for _, e := range elements {
		data = binary.BigEndian.AppendUint32(data, uint32(len(e)))
		data = append(data, e...)
	}
	return data
}

// play moves the player on and seals what the log holds.
func play(r *rig.Rig, blocks int) {
	for range blocks {
		b := r.Seal()
		r.Play(b + 1)
		r.Publish(0, b)
	}
}

func last(r *rig.Rig) (rec shm.LogRecord) {
	cmdlog.Read(r.Host, r.Host.Head.Load()-1, &rec)
	return rec
}

func TestBundleWithATimeTagCarriesItsFrameIntoTheLog(t *testing.T) {
	e, r := bench(t)
	conn := serve(t, e, e.router())
	play(r, 100)
	r.Player.SetAnchor(100, clock.Now())
	start := time.Now()
	for i := range 3 {
		at := osc.TimeTag(start.Add(time.Duration(i) * 100 * time.Millisecond))
		_, err := conn.Write(bundle(at, message("/mod/sine1/freq", "f", float(440)...)))
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return r.Host.Head.Load() == 3 }, patience, time.Millisecond)
	var frames [3]int64
	for i := range frames {
		var rec shm.LogRecord
		require.True(t, cmdlog.Read(r.Host, uint64(i), &rec))
		frames[i] = rec.Frame
	}
	require.GreaterOrEqual(t, frames[0], int64(100*256))
	require.InDelta(t, 4410, frames[1]-frames[0], 1, "TimeTag rounds to 2^-32 s")
	require.InDelta(t, 4410, frames[2]-frames[1], 1)
}

func TestStopIsRequestedOnce(t *testing.T) {
	e, _ := bench(t)
	conn := serve(t, e, e.router())
	for range 2 {
		_, err := conn.Write(message("/engine/stop", ""))
		require.NoError(t, err)
	}
	select {
	case <-e.StopRequested():
	case <-time.After(patience):
		t.Fatal("no stop was requested")
	}
	require.Eventually(t, func() bool { return e.osc.Packets.Load() == 2 }, patience, time.Millisecond)
}

// TestFloodOfEverythingIsCountedAndBounded sends 20,000 datagrams of every
// hostile sort to an engine that plays nothing meanwhile, so that nothing
// leaves the queue.
func TestFloodOfEverythingIsCountedAndBounded(t *testing.T) {
	e, r := bench(t)
	route := e.router()
	var answers, lines atomic.Int64
	status := slices.IndexFunc(route.Routes, func(r osc.Route) bool { return r.Address == osc.StatusAddress })
	route.Routes[status].Do = func(q osc.Request) {
		_ = e.osc.Answer(q.From, osc.StatusAddress, func() []any { answers.Add(1); return oscStatus(control.Status{}) })
	}
	e.osc.BadNotice.Write = func(string) { lines.Add(1) }
	began := time.Now()
	conn := serve(t, e, route)

	deep := message("/mod/sine1/freq", "f", float(1)...)
	for range 500 {
		deep = bundle(osc.Immediately, deep)
	}
	freq := message("/mod/sine1/freq", "f", float(440)...)
	eight := [][]byte{freq, freq, freq, freq, freq, freq, freq, freq}
	soon := func() uint64 { return osc.TimeTag(time.Now().Add(50 * time.Second)) }
	sorts := []struct {
		bad      bool
		commands uint64
		data     func() []byte
	}{
		{true, 0, func() []byte { return []byte("/[z-a]\x00\x00,\x00\x00\x00") }},
		{true, 0, func() []byte { return nil }},
		{true, 0, func() []byte { return []byte("2f80") }},
		{true, 0, func() []byte { return deep }},
		{true, 0, func() []byte { return message("/"+strings.Repeat("x", 65000), "") }},
		{true, 0, func() []byte { return message("/mod/sine1/freq", strings.Repeat("T", 60000)) }},
		{true, 0, func() []byte { return message("/mod/sine1/freq", "f", float(float32(math.NaN()))...) }},
		{true, 0, func() []byte { return message("/engine/freq", "f", float(float32(math.Inf(1)))...) }},
		{false, 1, func() []byte { return bundle(1<<64-1, freq) }}, // of another epoch: late
		{true, 0, func() []byte { return message("/engine/nothing", "") }},
		{true, 8, func() []byte { return bundle(soon(), append(eight, bundle(soon()+3600<<32, freq))...) }},
		{false, 8, func() []byte { return bundle(soon(), eight...) }},
		{false, 1, func() []byte { return bundle(5, freq) }},
		{false, 1, func() []byte { return bundle(osc.TimeTag(time.Now().Add(-time.Hour)), freq) }},
		{false, 1, func() []byte { return freq }},
		{false, 0, func() []byte { return message("/engine/status", "") }},
	}
	const n = 20000
	arrived := func(n uint64) {
		for begin := time.Now(); e.osc.Packets.Load() < n; time.Sleep(10 * time.Microsecond) {
			if time.Since(begin) > patience {
				t.Fatalf("%d datagrams of %d have arrived", e.osc.Packets.Load(), n)
			}
		}
	}
	var bad, commands uint64
	for i := range uint64(n) {
		s := sorts[i%uint64(len(sorts))]
		_, err := conn.Write(s.data())
		require.NoError(t, err)
		if s.bad {
			bad++
		}
		commands += s.commands
		// Keep no more in flight than the smallest receive buffer holds: a drop
		// would prove nothing.
		if i%8 == 0 {
			arrived(i)
		}
	}
	arrived(n)
	require.Zero(t, e.osc.KernelDrops())
	require.Equal(t, bad, e.osc.Bad.Load())
	waiting, coalesced := e.queue.Waiting()
	require.LessOrEqual(t, waiting, cmdlog.QueueLength)
	require.Positive(t, coalesced)
	require.Equal(t, commands, r.Host.Head.Load()+uint64(waiting)+coalesced+e.dropped.Load(),
		"each is in the log, waiting, superseded, or counted as dropped")
	require.Positive(t, lines.Load())
	require.LessOrEqual(t, lines.Load(), int64(time.Since(began)/time.Second)+1)
	require.Positive(t, answers.Load())
	require.LessOrEqual(t, answers.Load(), 10*(int64(time.Since(began)/time.Second)+1))

	for range 20 {
		play(r, 1)
		e.queue.Drain()
	}
	_, err := conn.Write(message("/mod/sine1/freq", "f", float(0.625)...))
	require.NoError(t, err)
	require.Eventually(t, func() bool { rec := last(r); return rec.Float() == 0.625 }, patience, time.Millisecond)
}

// TestFloodOfOneFaderAddsUpAndItsLastValueWins sends faster than the engine
// reads, with bad packets among it. Every datagram must be accounted for by the
// status, and the value that is sent once the kernel drops nothing any more
// must be the last in the log.
func TestFloodOfOneFaderAddsUpAndItsLastValueWins(t *testing.T) {
	e, r := bench(t)
	route := e.router()
	conn, err := net.Dial("udp", e.OSC())
	require.NoError(t, err)
	sent := uint64(0)
	send := func(data []byte) {
		_, err := conn.Write(data)
		require.NoError(t, err)
		sent++
	}
	flood := func(n int) {
		for i := range n {
			if i%10 == 9 {
				send(message("/nothing", ""))
			} else {
				send(message("/mod/sine1/amp", "f", float(float32(i))...))
			}
		}
	}
	sum := func() uint64 {
		waiting, coalesced := e.queue.Waiting()
		return r.Host.Head.Load() + uint64(waiting) + coalesced + e.dropped.Load() + e.osc.Bad.Load() + e.osc.KernelDrops()
	}
	flood(80000) // more than the buffer holds, and nothing is received yet
	require.Positive(t, e.osc.KernelDrops())
	defer serve(t, e, route).Close()
	flood(20000)
	require.Eventually(t, func() bool { return sum() == sent }, patience, time.Millisecond)
	send(message("/mod/sine1/amp", "f", float(0.625)...))
	require.Eventually(t, func() bool { return sum() == sent }, patience, time.Millisecond)
	for range 20 {
		play(r, 1)
		e.queue.Drain()
	}
	rec := last(r)
	require.Equal(t, 0.625, rec.Float())
	require.Equal(t, sent, sum())
	require.Zero(t, e.dropped.Load())
	require.Positive(t, route.Clamped.Load())
}

func TestLossesAreLoggedWithTheirNumber(t *testing.T) {
	e, _ := bench(t)
	defer e.osc.Close()
	var text strings.Builder
	e.cfg.Log = slog.New(slog.NewTextHandler(&text, nil))
	e.compare(losses{}, losses{})
	require.Empty(t, text.String())
	e.compare(losses{kernel: 1, dropped: 2, coalesced: 3, late: 4, withheld: 5},
		losses{kernel: 11, dropped: 22, coalesced: 33, late: 44, withheld: 55})
	for _, want := range []string{
		"dropped by the kernel.* count=10 total=11\n", "commands were dropped.* count=20 total=22\n",
		"superseded.* count=30 total=33\n", "came after their frame.* count=40 total=44\n",
		"withheld.* count=50 total=55\n",
	} {
		require.Regexp(t, want, text.String())
	}
	require.Equal(t, 5, strings.Count(text.String(), "\n"))
}
