// Package play runs one engine process through a scenario and records what
// happened. It starts the engine as a user would, injects the faults on
// schedule, waits until what must happen has happened, and ends the engine. It
// records facts only: whether they are right is up to package judge.
package play

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"chronus/engine/control"
	"chronus/harness/floor"
	"chronus/harness/probe"
	"chronus/harness/record"
	"chronus/harness/scenario"
	"chronus/harness/schedule"
	"chronus/harness/target"
)

// Config is what to play and how.
type Config struct {
	Scenario *scenario.Scenario
	Load     scenario.Load
	// Each: this process passes every failpoint as often as the load says,
	// instead of sharing them with the others.
	Each    bool
	Profile string
	Seed    uint64
	Run     int    // number of the engine process, from 1
	Repeat  string // the command that repeats the scenario
	Build   record.Build
	Machine record.Machine

	Binary string    // path of the chronus binary
	Dir    string    // folder for what the engine leaves behind; it is created
	Floor  []string  // command of the floor process
	End    time.Time // no cycle begins after it; zero: nothing bounds them
	// Cycled is called after each cycle that left the engine whole. ok reports
	// whether all has gone as expected so far: it is for showing progress.
	Cycled func(cycle int, ok bool)
}

// mendLimit is how long an engine may take to be whole again after a fault.
const mendLimit = 5 * time.Second

// Run plays one engine process. What the engine does wrong is in the record; an
// error is the harness's own, or ctx's.
func Run(ctx context.Context, cfg Config) (*record.Record, error) {
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("play: %w", err)
	}
	rec := &record.Record{Header: cfg.header()}
	oom := probe.OOMKills()
	if err := cfg.play(ctx, rec); err != nil {
		return nil, err
	}
	rec.OOMKills = probe.OOMKills() - oom
	rec.Files = filesIn(cfg.Dir)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return rec, nil
}

func (cfg *Config) header() record.Header {
	s := cfg.Scenario
	frames, rate := s.Engine.Size()
	return record.Header{
		Version: record.Version, Build: cfg.Build, Machine: cfg.Machine,
		Scenario: s.Name, Profile: cfg.Profile, Seed: cfg.Seed, Run: cfg.Run, Repeat: cfg.Repeat,
		Engine: record.Engine{
			Patch: s.PatchFor(noFifo() == ""), Sink: s.Sink,
			Replicas: s.Engine.Replicas, Spares: s.Engine.Spares, Lead: s.Engine.Lead,
			Failpoints: s.Instrumented(), Frames: frames, Rate: rate,
		},
	}
}

// filesIn names the files of an engine that are there.
func filesIn(dir string) record.Files {
	named := func(name string) string {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return ""
		}
		return name
	}
	return record.Files{
		Tape: named(target.TapeFile), Sound: named(target.WAVFile), Listener: named(soundFile), Log: named(target.LogFile),
	}
}

// troubled adds what went wrong to a record.
func troubled(rec *record.Record, stage record.Stage, cycle int, err error) {
	rec.Troubles = append(rec.Troubles, record.Trouble{Stage: stage, Cycle: cycle, Text: err.Error()})
}

// play fills in all that is known of the engine itself.
func (cfg *Config) play(ctx context.Context, rec *record.Record) (err error) {
	block := schedule.Block(rec.Engine.Frames, rec.Engine.Rate)
	cycles := cfg.Load.Cycles
	if cfg.Scenario.Crashes() {
		cycles = 0 // not known before the engine runs, and the floor may start no process then
	}
	floors, err := startFloor(cfg.Floor, block, cycles)
	if err != nil {
		return err
	}
	defer floors.Close()
	var heard *sound
	if cfg.Scenario.Sink == scenario.SinkPortAudio {
		if heard, err = listenIn(cfg.Dir); err != nil {
			return err
		}
		defer heard.close()
	}

	t, err := target.Start(ctx, target.Config{
		Binary: cfg.Binary, Dir: cfg.Dir, Patch: rec.Engine.Patch, Sink: rec.Engine.Sink, Pulse: heard.address(),
		Replicas: rec.Engine.Replicas, Spares: rec.Engine.Spares, Lead: rec.Engine.Lead,
		Frames: rec.Engine.Frames, Rate: rec.Engine.Rate,
	})
	if err != nil {
		troubled(rec, record.StageStart, 0, err)
		return nil
	}
	defer t.Kill() // whatever happens; an engine that has ended is left alone
	rec.BeginNS = t.ExecNS()
	stream, err := t.Events(ctx)
	if err != nil {
		troubled(rec, record.StageEvents, 0, err)
		return nil
	}
	defer stream.Close()
	e := &engine{Target: t, log: newEventLog(), heaps: newHeaps(), block: block, deaf: cfg.Scenario.Sink == scenario.SinkNull}
	followed := make(chan struct{})
	go func() { e.log.follow(stream); close(followed) }()
	defer func() { rec.Events, rec.Heaps = e.log.events(), e.heaps.readings() }()

	rec.Settled, err = e.settle(ctx, rec.Engine, heard != nil)
	heard.dueFrom(rec.Settled)
	if err != nil {
		troubled(rec, record.StageSettle, 0, err)
		return nil
	}
	e.log.close(record.Starting)
	if _, err := floors.Report(); err != nil { // its figures begin here
		return err
	}
	cfg.cycles(ctx, e, floors, rec)

	left, err := t.Stop()
	if err != nil {
		troubled(rec, record.StageStop, 0, err)
	}
	rec.Leftovers, rec.StopNS = left, t.StopNS()
	select {
	case <-followed: // the stream ends with the engine
	case <-time.After(time.Second):
		troubled(rec, record.StageEvents, 0, errors.New("the events did not end with the engine"))
	}
	if err := heard.end(); err != nil {
		troubled(rec, record.StageListener, 0, err)
	}
	rec.Listener = heard.facts()
	report, err := floors.Report()
	if err != nil {
		return err
	}
	rec.Floor = *report
	return nil
}

// startFloor starts the floor process, with a victim for each cycle.
func startFloor(command []string, block time.Duration, cycles int) (*floor.Floor, error) {
	f, err := floor.Start(command, block)
	if err != nil {
		return nil, err
	}
	if err := f.Hold(cycles); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// cycles injects the faults, one after the other, while commands arrive.
func (cfg *Config) cycles(ctx context.Context, e *engine, floors *floor.Floor, rec *record.Record) {
	plan, err := cfg.plan(ctx, e, rec)
	if err != nil {
		troubled(rec, record.StagePlan, 0, err)
		return
	}
	commands, err := cfg.startCommander(ctx, e)
	if err != nil {
		troubled(rec, record.StageCommands, 0, err)
		return
	}
	if rec.Host, err = hostBefore(ctx, e); err != nil {
		troubled(rec, record.StageRead, 0, err)
	}
	c := cycler{
		cfg: cfg, engine: e, floor: floors, commands: commands, rec: rec, clean: true,
		times: schedule.New(cfg.Seed, cfg.Scenario.Name, cfg.Run, e.block),
		lots:  schedule.Rand(cfg.Seed, cfg.Scenario.Name+" lots", cfg.Run),
	}
	for n, point := range plan {
		if !cfg.End.IsZero() && time.Now().After(cfg.End) {
			break
		}
		if !c.cycle(ctx, n+1, point) {
			for _, p := range plan[n:] {
				if cfg.Scenario.Crashes() && ctx.Err() == nil {
					rec.Unarmed = append(rec.Unarmed, p.Name)
				}
			}
			break
		}
		readHoldings(ctx, e, n+1, len(plan), rec)
	}
	rec.Sent = commands.stop()
	rest(ctx, e, rec)
}

// rest ends the time after the last cycle.
func rest(ctx context.Context, e *engine, rec *record.Record) {
	if ctx.Err() != nil || e.Exited() {
		return
	}
	status, err := e.lastStatus(ctx, rec)
	if err != nil {
		troubled(rec, record.StageRead, 0, err)
		return
	}
	rec.Last = status
	if n := len(rec.Cycles); len(rec.Holdings) == 1 {
		readHoldings(ctx, e, n, n, rec) // one reading alone tells nothing of a leak
	}
	if rec.Host != nil {
		if err := hostAfter(ctx, e, rec.Host); err != nil {
			troubled(rec, record.StageRead, 0, err)
		}
	}
	e.log.close(record.Resting)
}

// lastStatus returns the status after the last cycle. An engine that was whole
// then is awaited to be so again: a spare that helped out a late worker since
// is made idle by then, and the event that says so has come.
func (e *engine) lastStatus(ctx context.Context, rec *record.Record) (*control.Status, error) {
	if n := len(rec.Cycles); n == 0 || !rec.Cycles[n-1].Whole {
		return e.Status(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, mendLimit, fmt.Errorf("%s have passed", mendLimit))
	defer cancel()
	return e.awaitWhole(ctx, nil)
}
