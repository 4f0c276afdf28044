//go:build linux

// Package hotpath holds the benchmarks that cross packages on the way from a
// command to the sound. They are here because only the engine's own tree may
// import its internal packages; package bench runs them under `go test -bench`.
// Nothing but benchmarks may import it.
package hotpath

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chronus/engine/internal/cmdlog"
	"chronus/engine/internal/ring"
	"chronus/engine/internal/shm"
	"chronus/engine/osc"
	"chronus/engine/patch"
	"chronus/engine/player"
	"chronus/engine/rig"
)

// engine holds the regions of an engine, and its player. Two slots look like
// rendering workers, for which the benchmark publishes the same samples in
// every block.
type engine struct {
	*rig.Rig
	code    *patch.Compiled
	player  *player.Player
	samples []float32
	state   []uint64
	out     []float32
}

func start(b *testing.B, name string) *engine {
	p, err := patch.Load(name)
	require.NoError(b, err)
	code, err := p.Compile(44100, 256)
	require.NoError(b, err)
	g, err := shm.NewGeometry(44100, 256, 1, 3, 2, 2, code.Program.Words(), false)
	require.NoError(b, err)
	e := &engine{
		Rig: rig.New(b, g), code: code,
		samples: make([]float32, g.Samples()), state: make([]uint64, g.StateWords),
		out: make([]float32, g.Samples()),
	}
	for i := range e.samples {
		e.samples[i] = float32(i%17)/17 - 0.5
	}
	copy(e.state, code.Program.Initial)
	for slot := range 2 {
		e.Own(slot, shm.StateRendering)
		e.Activate(slot)
	}
	e.player = player.New(e.Roster)
	return e
}

func (e *engine) publish(slot int, block uint64) {
	b := ring.Block{Number: block, Prev: block}
	ring.Publish(e.Rings[slot], e.Host.Stamp.Fold(), b, e.samples, e.state)
}

// Callback measures one call of the player's callback. With failover, each
// block is only in the ring that is not being read, so that every call
// switches; without it, each block is in both rings.
func Callback(b *testing.B, failover bool) {
	e := start(b, "voice")
	var spent time.Duration
	b.ReportAllocs()
	for b.Loop() {
		block := e.player.Next()
		for slot := range 2 {
			if !failover || slot == int(block%2) {
				e.publish(slot, block)
			}
		}
		begun := time.Now()
		e.player.Callback(e.out)
		spent += time.Since(begun)
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "ns/op") // without the publishing
	require.Zero(b, e.Player.Lost.Load())
	if failover {
		require.EqualValues(b, b.N-1, e.Player.Switches.Load())
	}
}

// Restore measures how long a spare takes to copy the state of a patch out of
// another worker's ring and verify it.
func Restore(b *testing.B, patch string) {
	e := start(b, patch)
	e.publish(0, 0)
	var h shm.EntryHeader
	b.SetBytes(int64(4*len(e.samples) + 8*len(e.state)))
	b.ReportAllocs()
	for b.Loop() {
		if !ring.CopyState(e.Rings[0], e.Host.Stamp.Fold(), 0, &h, e.out, e.state) {
			b.Fatal("the entry does not verify")
		}
	}
}

// Command measures the path of one datagram from just before it is sent until
// its command is in the log: the socket, the goroutine of the host that reads
// it, the parser, the router and the queue.
func Command(b *testing.B) {
	const room = 128 // commands between two seals, each of which makes room in the log
	e := start(b, "voice")
	queue := cmdlog.NewQueue(cmdlog.NewWriter(e.Host, e.Player, e.Rings), nil)
	server, err := osc.Listen("127.0.0.1", 0)
	require.NoError(b, err)
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.Serve(&osc.Router{Sink: queue.Push, Routes: []osc.Route{{
			Address: "/mod/<id>/<param>", Arg: osc.NumberArg,
			Param: func(names []string) (osc.Param, error) {
				word, err := e.code.Address(names[0], names[1])
				return osc.Param{Word: word}, err
			},
		}}})
	}()
	defer func() {
		require.NoError(b, server.Close())
		<-served
	}()
	client, err := osc.Dial(server.Addr())
	require.NoError(b, err)
	defer client.Close()
	var spent time.Duration
	for n := uint64(0); b.Loop(); n++ {
		if n%room == 0 {
			block := e.player.Next()
			e.publish(0, block)
			e.publish(1, block)
			e.player.Callback(e.out)
		}
		begun := time.Now()
		if err := client.Send("/mod/filter1/freq", float32(500)); err != nil {
			b.Fatal(err)
		}
		for e.Host.Head.Load() == n {
			runtime.Gosched()
		}
		spent += time.Since(begun)
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "ns/op")
}
