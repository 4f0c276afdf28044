// Package recordtest makes the records of engines that did everything right,
// for tests to edit. It plays nothing: times, events, tape and sound are
// invented, and fit together.
package recordtest

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/control"
	"chronus/engine/patch"
	"chronus/engine/sink/wavfile"
	"chronus/engine/tape"
	"chronus/harness/floor"
	"chronus/harness/record"
	"chronus/harness/scenario"
)

// Text is the scenario of the records, as its file would have it.
const Text = `order = 1
why = "to test the harness"
patch = "steps"
commands = true
sink = "wav"
[engine]
replicas = 2
spares = 1
[fault]
kind = "kill"
target = "primary"
[profile.quick]
processes = 1
cycles = 6
[profile.full]
processes = 1
cycles = 6
[profile.soak]
processes = 1
cycles = 6
[expect]
worker_down = 1
worker_exited = 1
switched = 1
worker_promoted = 1
worker_spawned = 1
worker_ready = 1
redundancy_restored = 1
[cause]
worker_down = "^signal: killed$"
`

// Scenario parses Text; its name is "fake".
func Scenario(t testing.TB) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Parse("fake.toml", []byte(Text))
	require.NoError(t, err)
	return s
}

// Processes of the fault of Killed.
const (
	KillAt   = 1_000_000 // ns
	Victim   = 71        // pid, the primary in slot 0
	Standby  = 72        // in slot 1
	Spare    = 73        // in slot 2
	Newcomer = 74        // in slot 4
)

// Killed are the events by which a perfect engine reports a killed primary.
func Killed() []record.Event {
	return killed(0, KillAt, 0, []worker{
		{slot: 0, pid: Victim}, {slot: 1, pid: Standby}, {slot: 2, pid: Spare}, {slot: 4, pid: Newcomer},
	})
}

// Hit is the victim and the moment of the fault of Killed.
func Hit() ([]record.Victim, record.Moment) {
	return []record.Victim{{Role: control.RolePrimary, Slot: 0, PID: Victim, Generation: 3}},
		record.Moment{Before: KillAt, After: KillAt + 10, Exact: true}
}

type worker struct {
	slot, pid  int
	generation uint32
}

// killed returns the events of a cycle in which the first of four workers is
// killed, a primary; the others are the standby that is played from instead,
// the spare that is promoted, and the new worker.
func killed(cycle int, before int64, block uint64, of []worker) []record.Event {
	victim, standby, spare, newcomer := of[0], of[1], of[2], of[3]
	at := func(ns int64, w worker, e control.Event) record.Event {
		e.TNS, e.Slot, e.PID, e.Generation, e.Block = before+ns, w.slot, w.pid, w.generation, block
		return record.Event{Event: e, AtNS: max(e.TNS, e.ReturnNS) + 50, Cycle: cycle}
	}
	from := victim.slot
	return []record.Event{
		at(200, victim, control.Event{Kind: control.WorkerDown, Cause: "signal: killed", Phase: "rendering"}),
		at(300, victim, control.Event{Kind: control.WorkerExited, Cause: "signal: killed"}),
		at(400, spare, control.Event{Kind: control.WorkerPromoted, KnownNS: before + 210, FirstNS: before + 390, By: "host"}),
		at(-500, standby, control.Event{Kind: control.Switched, FromSlot: &from, EntryNS: before - 500, ReturnNS: before + 700}),
		at(600, newcomer, control.Event{Kind: control.WorkerSpawned}),
		at(900, newcomer, control.Event{Kind: control.WorkerReady}),
		at(950, worker{slot: -1}, control.Event{Kind: control.RedundancyRestored}),
	}
}

// The engine of a clean record.
const (
	slots   = 6
	lead    = 3
	apart   = 12 // blocks from one fault to the next
	period  = int64(scenario.Frames) * 1_000_000_000 / scenario.Rate
	beginNS = 5_000_000_000
)

// Clean writes the tape and the sound of an engine that went through some
// cycles into a folder, and returns its record. Judging it finds nothing.
func Clean(t testing.TB, dir string, cycles int) *record.Record {
	t.Helper()
	s := Scenario(t)
	rec := &record.Record{
		Header: record.Header{
			Version: record.Version, Machine: record.Machine{CPU: "AMD EPYC", Arch: "amd64", CPUs: 2},
			Scenario: s.Name, Profile: "quick", Seed: 7, Run: 1, Repeat: "bin/chronus verify --run '^fake$' --seed 7",
			Engine: record.Engine{
				Patch: s.Patch, Sink: s.Sink, Replicas: 2, Spares: 1, Frames: scenario.Frames, Rate: scenario.Rate,
			},
		},
		End: record.End{
			BeginNS: beginNS - 30_000_000, StopNS: 40_000_000,
			Floor: floor.Report{Ticks: 1000, P50NS: 1000, P99NS: 5000, MaxNS: 9000, Fifo: true},
			Files: record.Files{Tape: "session.tape", Sound: "sound.wav"},
		},
	}
	workers := []worker{{0, 71, 1}, {1, 72, 2}, {2, 73, 3}}
	blocks := uint64((cycles + 2) * apart)
	status := func(block uint64, failovers int) *control.Status {
		return &control.Status{
			State: control.StatePlaying, Rate: scenario.Rate, Frames: scenario.Frames, Channels: 1, Lead: lead,
			Replicas: 2, Spares: 1, Block: block, Failovers: uint64(failovers), Goroutines: 10,
			Player: control.Player{PID: 70, Sched: "fifo", Generation: 1},
		}
	}
	for i, kind := range []string{control.WorkerSpawned, control.WorkerReady} {
		for _, w := range workers {
			ns := beginNS - 20_000_000 + int64(i)*1_000_000
			rec.Events = append(rec.Events, record.Event{
				Event: control.Event{TNS: ns, Kind: kind, Slot: w.slot, PID: w.pid, Generation: w.generation}, AtNS: ns + 50,
			})
		}
	}
	rec.Events = append(rec.Events, record.Event{
		Event: control.Event{TNS: beginNS, Kind: control.EngineStarted, Slot: -1}, AtNS: beginNS + 50,
	})
	rec.Settled = status(apart/2, 0)

	left := tapeOf(t, dir)
	next := uint64(0)
	for n := 1; n <= cycles; n++ {
		hit := uint64(n * apart)
		left.play(next, hit, workers, false)
		left.command(rec)
		newcomer := worker{
			slot: (workers[0].slot + 3) % slots, pid: 74 + n, generation: uint32(3 + n),
		}
		before := beginNS + int64(hit)*period - 400 // within the call that switches, see killed
		events := killed(n, before, hit, append(workers, newcomer))
		rec.Events = append(rec.Events, events...)
		rec.Cycles = append(rec.Cycles, record.Cycle{
			Cycle: n,
			Victims: []record.Victim{{
				Role: control.RolePrimary, Slot: workers[0].slot, PID: workers[0].pid, Generation: workers[0].generation,
			}},
			DueNS: before - 4000, Moment: record.Moment{Before: before, After: before + 10, Exact: true},
			GoneNS: before + 500, Whole: true, PidfdNS: 400, ExecNS: 900,
		})
		rec.Holdings = append(rec.Holdings, record.Holdings{Cycle: n, Procs: 5, Goroutines: 10})
		workers = []worker{workers[1], workers[2], newcomer}
		left.play(hit, hit+1, workers, true)
		next = hit + 1
	}
	left.play(next, blocks, workers, false)
	left.close(t)
	for _, generation := range []uint32{1, 2, 3} {
		rec.Heaps = append(rec.Heaps, record.Heap{Process: record.Worker, Generation: generation})
	}
	rec.Last = status(blocks, cycles)
	return rec
}

// left is what an engine leaves in its folder.
type left struct {
	t       testing.TB
	tape    *tape.Writer
	sound   *wavfile.File
	code    *patch.Compiled
	address uint32
	state   []uint64
	out     []float32
	taken   uint64
	next    uint64
}

func tapeOf(t testing.TB, dir string) *left {
	t.Helper()
	l := &left{t: t}
	p, err := patch.Load("steps")
	require.NoError(t, err)
	l.code, err = p.Compile(scenario.Rate, scenario.Frames)
	require.NoError(t, err)
	l.address, err = l.code.Address("step", "value")
	require.NoError(t, err)
	l.tape, err = tape.Create(filepath.Join(dir, "session.tape"), tape.Header{
		Version: tape.Version, Rate: scenario.Rate, Frames: scenario.Frames, Channels: l.code.Program.Channels, Lead: lead,
		Replicas: 2, Spares: 1, Slots: slots, Ring: 16, Patch: p.Name(), PatchText: string(p.Text()),
	})
	require.NoError(t, err)
	l.sound, err = wavfile.Open(filepath.Join(dir, "sound.wav"), scenario.Rate, l.code.Program.Channels, scenario.Frames)
	require.NoError(t, err)
	l.state = append(l.state, l.code.Program.Initial...)
	l.out = make([]float32, scenario.Frames*l.code.Program.Channels)
	return l
}

// play delivers the blocks from one to below another from the ring of the first
// worker. The second renders them too.
func (l *left) play(from, to uint64, workers []worker, switched bool) {
	l.t.Helper()
	w := workers[0]
	for n := from; n < to; n++ {
		l.code.Program.Render(l.state, l.out)
		entry := beginNS + int64(n)*period
		b := &tape.Block{
			Block: n, Prev: n, Cutoff: l.taken, Sealed: n + 1 + lead, EntryNS: entry, ReturnNS: entry + 1100,
			Slot: int32(w.slot), Generation: w.generation, Sum: n + 1, Sums: make([]uint64, slots), Samples: l.out,
		}
		b.Sums[w.slot], b.Sums[workers[1].slot] = b.Sum, b.Sum
		if switched {
			b.Flags, b.EntryNS, b.ReturnNS = tape.FlagSwitched, entry-900, entry+300
		}
		require.NoError(l.t, l.tape.Block(b))
		require.NoError(l.t, l.sound.WriteBlock(n, l.out))
		l.next = n + 1
	}
}

// command sends a command, which the next block takes.
func (l *left) command(rec *record.Record) {
	l.t.Helper()
	seq := len(rec.Sent) + 1
	sent := record.Sent{Seq: seq, Value: float64(float32(seq) / 1024), SentNS: beginNS + int64(l.next-lead)*period}
	rec.Sent = append(rec.Sent, sent)
	require.NoError(l.t, l.tape.Command(&tape.Command{
		Index: l.taken, Address: l.address, Value: sent.Value, Frame: -1, RecvNS: sent.SentNS + 1000,
	}))
	l.code.Program.Set(l.state, l.address, sent.Value)
	l.taken++
}

func (l *left) close(t testing.TB) {
	t.Helper()
	require.NoError(t, l.sound.Close())
	require.NoError(t, l.tape.Close())
}
