// Package harness drives complete engines through scenarios and holds every frame that came out to the truth.
//
// For each scenario it starts several engine processes one after the other, injects one fault after the other into each,
// waits until the engine is whole again, and holds the engine's events to what the scenario expects. What takes time, above all
// the oracle, runs when no engine plays. The verdict is the gate's.
//
// It must not look inside the engine: it meets it through its command line, its control socket, signals and /proc.
package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"chronus/harness/floor"
	"chronus/harness/gate"
	"chronus/harness/report"
	"chronus/harness/schedule"
	"chronus/scenarios"
)

// Config says what to verify and how.
type Config struct {
	Scenarios []*scenarios.Scenario
	All       bool // a scenario that cannot run here fails the verification
	Profile   string
	Processes int    // engine processes for each scenario; 0: what the profile says
	Count     int    // cycles for each engine process; of crash points: passes of each; 0: what the profile says
	Seed      uint64 // of all that is random
	Out       string // folder for what is kept of failures; is created
	Engine    string // folder of the engine's binaries, with those that have failpoints in failpoints/ below it
	Floor     []string
	Progress  Progress
}

// Progress is told how far a verification is. Its methods are called from one goroutine.
type Progress interface {
	// Scenario begins with a scenario of that many cycles in all; 0: not known yet.
	Scenario(s *scenarios.Scenario, cycles int)
	// Cycle ends one, of which ok says whether nothing was found so far.
	Cycle(run, cycle int, ok bool)
	// Checking begins with what runs when no engine plays.
	Checking()
	// Result ends a scenario.
	Result(r *report.Result)
}

// UsageError is a mistake of whoever asked, not a verdict on the engine.
type UsageError struct{ err error }

func (e *UsageError) Error() string { return e.err.Error() }
func (e *UsageError) Unwrap() error { return e.err }

// Verify runs the scenarios and judges them. What an engine does wrong is in the summary, and so is what was not run and why. An
// error beside a summary says what ended the verification before its end: ctx, or the harness itself could not go on. An error
// without one is a mistake of whoever asked.
func Verify(ctx context.Context, cfg Config) (*report.Summary, error) {
	if err := cfg.ready(); err != nil {
		return nil, &UsageError{err}
	}
	if err := os.RemoveAll(filepath.Join(cfg.Out, failuresDir)); err != nil { // of the verification before
		return nil, fmt.Errorf("harness: %w", err)
	}
	schedule.FreeProcs()
	begin := time.Now()
	sum := &report.Summary{Profile: cfg.Profile, Seed: cfg.Seed, Failures: []report.Failure{}}
	var ended error
	for _, s := range cfg.Scenarios {
		r := report.Omitted(s.Name, Missing(s, cfg.Engine), cfg.repeat(s))
		if r.Why == "" && ended == nil {
			began := time.Now()
			judged, err := cfg.scenario(ctx, s)
			if ended = err; err == nil {
				r = *judged
			}
			r.Seconds = time.Since(began).Seconds()
			r.PerSecond = float64(r.Cycles) / r.Seconds
		}
		if r.Verdict == report.NotRun && r.Why == "" {
			r.Why = cause(ctx, ended)
		}
		cfg.Progress.Result(&r)
		sum.Scenarios = append(sum.Scenarios, r)
	}
	verdict, failures := gate.Sum(sum.Scenarios, cfg.All)
	sum.Verdict, sum.Failures = verdict, append(sum.Failures, failures...)
	if ended != nil {
		sum.Why = cause(ctx, ended)
		sum.Verdict = verdict.Worse(report.NoVerdict)
	}
	sum.Seconds = time.Since(begin).Seconds()
	return sum, ended
}

// cause is why a verification ended before its end.
func cause(ctx context.Context, err error) string {
	if ctx.Err() != nil {
		return "interrupted"
	}
	return err.Error()
}

const failuresDir = "failures"

func (cfg *Config) ready() error {
	if len(cfg.Scenarios) == 0 {
		return errors.New("verify: no scenario matches")
	}
	if _, err := os.Stat(filepath.Join(cfg.Engine, "chronus")); err != nil {
		return fmt.Errorf("verify: no engine: %w (make build makes it)", err)
	}
	return nil
}

// binary is the engine that a scenario needs.
func (cfg *Config) binary(s *scenarios.Scenario) string {
	if s.Crashes() {
		return filepath.Join(cfg.Engine, "failpoints", "chronus")
	}
	return filepath.Join(cfg.Engine, "chronus")
}

// load is how much of a scenario is done.
func (cfg *Config) load(s *scenarios.Scenario) scenarios.Load {
	l := s.Profile[cfg.Profile]
	if cfg.Count > 0 {
		l.Cycles = cfg.Count
	}
	if cfg.Processes > 0 {
		l.Processes = cfg.Processes
	}
	return l
}

// repeat is the command that repeats a scenario as it was.
func (cfg *Config) repeat(s *scenarios.Scenario) string {
	cmd := fmt.Sprintf("bin/chronus verify --profile %s --run '^%s$' --seed %d", cfg.Profile, s.Name, cfg.Seed)
	if cfg.Count > 0 {
		cmd += fmt.Sprintf(" --count %d", cfg.Count)
	}
	if cfg.Processes > 0 {
		cmd += fmt.Sprintf(" --processes %d", cfg.Processes)
	}
	return cmd
}

// scenario runs one scenario's engine processes one after the other. What they left is checked when none plays, as many at a time as
// there are processors, and then removed: so neither disk nor memory goes by the number of processes. They are more than planned, at
// most twice as many, where too few victims were hit while they rendered.
func (cfg *Config) scenario(ctx context.Context, s *scenarios.Scenario) (*report.Result, error) {
	load := cfg.load(s)
	planned := load.Processes * load.Cycles
	if s.Crashes() {
		planned = 0
	}
	cfg.Progress.Scenario(s, planned)
	tmp, err := os.MkdirTemp("", "chronus-verify-")
	if err != nil {
		return nil, fmt.Errorf("harness: %w", err)
	}
	defer os.RemoveAll(tmp)

	var end time.Time
	if load.Minutes > 0 {
		end = time.Now().Add(time.Duration(load.Minutes * float64(time.Minute)))
	}
	full := s.Profile[cfg.Profile]
	cycles := full.Processes * full.Cycles
	var runs []*report.Run
	var batch []*session
	most := 2 * load.Processes
	if cfg.Processes > 0 {
		most = cfg.Processes // as many as were asked for, neither fewer nor more
	}
	for n := range most {
		if n >= load.Processes && gate.Enough(s, cycles, runs) {
			break
		}
		run := &session{
			cfg: cfg, scenario: s, load: load, dir: filepath.Join(tmp, fmt.Sprint(n+1)), log: newEventLog(), end: end,
			run: &report.Run{Scenario: s.Name, Run: n + 1},
		}
		if run.over() {
			break
		}
		if err := run.play(ctx); err != nil {
			return nil, err
		}
		runs, batch = append(runs, run.run), append(batch, run)
		if len(batch) == runtime.NumCPU() {
			if err := cfg.check(batch); err != nil {
				return nil, err
			}
			batch = nil
		}
	}
	if err := cfg.check(batch); err != nil {
		return nil, err
	}
	r := gate.Judge(s, cycles, runs, cfg.repeat(s))
	if !end.IsZero() && r.Cycles < planned {
		r.Reached = fmt.Sprintf("%d of %d faults in %g minutes", r.Cycles, planned, load.Minutes)
	}
	return &r, nil
}

// check holds what some engines left to the truth, all at the same time, keeps what failed and removes the rest.
func (cfg *Config) check(batch []*session) error {
	cfg.Progress.Checking()
	var checks sync.WaitGroup
	for _, run := range batch {
		checks.Go(run.judge)
	}
	checks.Wait()
	for _, run := range batch {
		if err := errors.Join(run.keep(), os.RemoveAll(run.dir)); err != nil {
			return err
		}
	}
	return nil
}

// startFloor starts the floor of one engine process, with a victim for each cycle.
func (cfg *Config) startFloor(block time.Duration, cycles int) (*floor.Floor, error) {
	f, err := floor.Start(cfg.Floor, block)
	if err != nil {
		return nil, err
	}
	if err := f.Hold(cycles); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
