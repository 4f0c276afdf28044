package harness

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"chronus/engine/control"
	"chronus/harness/fault"
	"chronus/harness/floor"
	"chronus/harness/oracle"
	"chronus/harness/probe"
	"chronus/harness/report"
	"chronus/harness/schedule"
	"chronus/harness/target"
	"chronus/scenarios"
)

// session is one engine process from its start to the check of what it left.
type session struct {
	cfg      *Config
	scenario *scenarios.Scenario
	load     scenarios.Load
	dir      string
	run      *report.Run

	target   *target.Target
	log      *eventLog
	floor    *floor.Floor
	commands *commander
	lots     *rand.Rand // which part of a mixed scenario comes next
	end      time.Time  // no cycle begins after it; zero: nothing bounds them
	block    time.Duration
	from     int        // events before this one are accounted for
	late     []lateness // what only a late machine excuses
	leaks    leaks
	garbage  garbage
	status   *control.Status // the last one before the end
	sent     []oracle.Sent
	faults   []injected
	started  bool   // its tape is worth reading
	sound    *sound // nil: the scenario's sink is a file
}

// subject is what a fault sees of the engine.
type subject struct {
	*target.Target
	*commander
	garbage *garbage
}

// injected is a fault as it came about.
type injected struct {
	victims []fault.Victim
	moment  fault.Moment
}

// mendLimit is how long an engine may take to be whole again after a fault.
const mendLimit = 5 * time.Second

// The engine's block, as every scenario has it.
const (
	frames = 256
	rate   = 44100
)

// find adds what must not be, of the process as a whole.
func (s *session) find(assertion, format string, args ...any) {
	s.run.Find(report.Finding{Assertion: assertion, Detail: fmt.Sprintf(format, args...)})
}

// play runs the engine through all its cycles and ends it. What the engine does wrong is noted; an error is the harness's own,
// or ctx's.
func (s *session) play(ctx context.Context) error {
	s.block = schedule.Block(frames, rate)
	s.run.Engine = report.Engine{Sink: s.scenario.Sink, Frames: frames, Rate: rate, BlockNS: int64(s.block)}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return fmt.Errorf("harness: %w", err)
	}
	oom := probe.OOMKills()
	if err := s.engine(ctx); err != nil {
		return err
	}
	if probe.OOMKills() > oom {
		s.excuseDeaths()
	}
	return context.Cause(ctx)
}

// engine is play without what surrounds it.
func (s *session) engine(ctx context.Context) (err error) {
	cycles := s.load.Cycles
	if s.scenario.Crashes() {
		cycles = 0 // not known before the engine runs, and it has other processes to start then
	}
	if s.floor, err = s.cfg.startFloor(s.block, cycles); err != nil {
		return err
	}
	defer s.floor.Close()
	if s.scenario.Sink == scenarios.SinkPortAudio {
		if s.sound, err = listenIn(s.dir); err != nil {
			return err
		}
		defer s.sound.close()
	}

	s.target, err = target.Start(ctx, target.Config{
		Binary: s.cfg.binary(s.scenario), Dir: s.dir, Patch: s.scenario.PatchFor(noFifo() == ""), Sink: s.scenario.Sink, Pulse: s.sound.address(),
		Replicas: s.scenario.Engine.Replicas, Spares: s.scenario.Engine.Spares, Lead: s.scenario.Engine.Lead,
	})
	if err != nil {
		s.find(report.EngineErrors, "%v", err)
		return nil
	}
	defer s.target.Kill() // for whatever happens; an engine that has ended is left alone
	stream, err := s.target.Events(ctx)
	if err != nil {
		s.find(report.EngineErrors, "%v", err)
		return nil
	}
	defer stream.Close()
	followed := make(chan struct{})
	go func() { s.log.follow(stream); close(followed) }()

	if err := s.settle(ctx); err != nil {
		s.find(report.EngineErrors, "after its start: %v", err)
		return nil
	}
	s.cycles(ctx)
	left, err := s.target.Stop()
	if err != nil {
		s.find(report.EngineErrors, "%v", err)
	}
	for _, l := range left {
		s.find(report.Leftovers, "%s", l)
	}
	select {
	case <-followed: // the stream ends with the engine
	case <-time.After(time.Second):
		s.find(report.EngineErrors, "the events did not end with the engine")
	}
	if err := s.sound.end(); err != nil {
		s.find(report.Truth, "%v", err)
	}
	floors, err := s.floor.Report()
	if err != nil {
		return err
	}
	s.run.Floor = *floors
	return nil
}

// settle waits for a started engine to play with all its redundancy.
func (s *session) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*mendLimit, fmt.Errorf("not whole within %s", 2*mendLimit))
	defer cancel()
	err := s.log.wait(ctx, 0, func(all []received) bool {
		return contains(all, control.EngineStarted) && (s.sound == nil || contains(all, control.SinkRestored))
	})
	if err != nil {
		return err
	}
	status, err := s.awaitWhole(ctx, nil)
	if err != nil {
		return err
	}
	s.started = true
	s.sound.dueFrom(status.Block)
	s.run.Engine.LeadNS = int64(status.Lead) * int64(s.block)
	s.run.Engine.Fifo = status.Player.Sched == "fifo"
	if status.Frames != frames || status.Rate != rate {
		return fmt.Errorf("it plays blocks of %d frames at %d Hz, not %d at %d", status.Frames, status.Rate, frames, rate)
	}
	s.from = s.log.len()
	for _, f := range newExpectation(s.scenario).unorderedOnly(s.log.from(0)) {
		s.run.Find(f)
	}
	_, err = s.floor.Report() // its figures begin here
	return err
}

func contains(all []received, kind string) bool {
	for _, e := range all {
		if e.Kind == kind {
			return true
		}
	}
	return false
}

// cycles injects the faults, one after the other, while commands arrive.
func (s *session) cycles(ctx context.Context) {
	plan, err := s.plan(ctx)
	if err != nil {
		s.find(report.EngineErrors, "%v", err)
		return
	}
	if s.commands, err = s.startCommander(ctx); err != nil {
		s.find(report.EngineErrors, "%v", err)
		return
	}
	if err := s.garbage.host(ctx, s.target); err != nil {
		s.find(report.EngineErrors, "%v", err)
	}
	times := schedule.New(s.cfg.Seed, s.scenario.Name, s.run.Run, s.block)
	s.lots = schedule.Rand(s.cfg.Seed, s.scenario.Name+" lots", s.run.Run)
	for n, point := range plan {
		if s.over() {
			break
		}
		if !s.cycle(ctx, n+1, point, times) {
			for _, p := range plan[n:] {
				if s.scenario.Crashes() && ctx.Err() == nil {
					s.find(report.MissedPoints, "%s: not armed, the engine was not whole", p.Name)
				}
			}
			break
		}
		s.probe(ctx, n+1, len(plan))
	}
	s.sent = s.commands.stop()
	s.rest(ctx)
}

// over says whether the time of the scenario is up.
func (s *session) over() bool { return !s.end.IsZero() && time.Now().After(s.end) }

// plan lists what each cycle needs: a failpoint, for crashes.
func (s *session) plan(ctx context.Context) ([]fault.Point, error) {
	if !s.scenario.Crashes() {
		return make([]fault.Point, s.load.Cycles), nil
	}
	all, err := s.target.Points(ctx)
	if err != nil {
		return nil, err
	}
	chosen := s.scenario.Spec().Select(all)
	if len(chosen) == 0 {
		return nil, fmt.Errorf("none of the engine's %d failpoints matches %q", len(all), s.scenario.Fault.Points)
	}
	if s.run.Run == 1 {
		for _, p := range uncovered(all) {
			s.find(report.MissedPoints, "%s: no scenario arms it", p.Name)
		}
	}
	return deal(chosen, s.load, s.run.Run, s.cfg.Count > 0), nil
}

// deal hands out the points to the engine processes, each as often as a profile says in all of them together. With each, every
// process gets all of them so often: then one process is enough to see them all.
func deal(points []fault.Point, load scenarios.Load, run int, each bool) []fault.Point {
	var mine []fault.Point
	n := 0
	for range load.Cycles {
		for _, p := range points {
			if each || n%load.Processes == run-1 {
				mine = append(mine, p)
			}
			n++
		}
	}
	return mine
}

// uncovered lists the points that no scenario arms.
func uncovered(all []fault.Point) []fault.Point {
	every, err := scenarios.All()
	if err != nil {
		return nil // then there would be no scenario to run
	}
	armed := map[int]bool{}
	for _, s := range every {
		if s.Crashes() {
			for _, p := range s.Spec().Select(all) {
				armed[p.ID] = true
			}
		}
	}
	var left []fault.Point
	for _, p := range all {
		if !armed[p.ID] {
			left = append(left, p)
		}
	}
	return left
}

// rest accounts for the time after the last cycle: nothing may happen in it.
func (s *session) rest(ctx context.Context) {
	if ctx.Err() != nil || s.target.Exited() {
		return
	}
	status, err := s.target.Status(ctx)
	if err != nil {
		s.find(report.EngineErrors, "%v", err)
		return
	}
	s.status = status
	s.garbage.see(status)
	if err := s.garbage.host(ctx, s.target); err != nil {
		s.find(report.EngineErrors, "%v", err)
	}
	window := s.log.from(s.from)
	s.from += len(window)
	x := newExpectation(s.scenario).of(nil, fault.Moment{})
	for _, f := range x.check(window) {
		f.Detail = "after the last cycle: " + f.Detail
		s.run.Find(f)
	}
	s.account(x, window)
}

// excuseDeaths takes back the deaths for which the kernel's want of memory is to blame.
func (s *session) excuseDeaths() {
	kept := s.run.Findings[:0]
	for _, f := range s.run.Findings {
		if f.Assertion != report.UnorderedDeaths {
			kept = append(kept, f)
		}
	}
	s.run.Findings = kept
}
