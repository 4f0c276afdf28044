// Package harness drives complete engines through scenarios and holds every
// frame that came out to the truth. It is one line, along which data flows in
// one direction only:
//
//	play -> record -> judge -> gate -> report
//
// Play runs an engine process, injects one fault after the other and records
// what happened in a file beside the tape. Judge makes figures and findings of
// that file, when no engine plays. The gate gives the verdict, and package
// report writes it down. This package only connects them. It must not look
// inside the engine, which it meets through its command line, its control
// socket, signals and /proc.
package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"chronus/harness/gate"
	"chronus/harness/play"
	"chronus/harness/record"
	"chronus/harness/report"
	"chronus/harness/scenario"
	"chronus/harness/schedule"
)

// Config is what to verify and how.
type Config struct {
	Scenarios []*scenario.Scenario
	All       bool // a scenario that cannot run here fails the verification
	Profile   string
	Processes int    // engine processes per scenario; 0: the profile's
	Count     int    // cycles per engine process; of failpoints: passes of each; 0: the profile's
	Seed      uint64 // of all that is random
	Out       string // folder for what is kept; it is created
	Keep      bool   // keep what clean engine processes left behind, too
	Engine    string // folder of the engine's binaries, with those that have failpoints in failpoints/ below it
	Floor     []string
	Progress  Progress
}

// Progress is called as a verification proceeds, from one goroutine.
type Progress interface {
	// Scenario is called when a scenario begins. cycles is how many it has in
	// all; 0: not known yet.
	Scenario(s *scenario.Scenario, cycles int)
	// Cycle is called when a cycle ends. ok reports whether all has gone as
	// expected in its engine process so far.
	Cycle(run, cycle int, ok bool)
	// Checking is called when the part begins in which no engine plays.
	Checking()
	// Result is called when a scenario ends.
	Result(r *report.Result)
}

// UsageError is a mistake in what was asked for, not a verdict on the engine.
type UsageError struct{ err error }

func (e *UsageError) Error() string { return e.err.Error() }
func (e *UsageError) Unwrap() error { return e.err }

// Verify plays the scenarios and judges them. The summary holds what an engine
// did wrong, and what was not run and why. An error beside a summary is what
// ended the verification early: ctx, or something that the harness itself could
// not do. An error without one is a UsageError, or concerns the folder of the
// reports.
func Verify(ctx context.Context, cfg Config) (*report.Summary, error) {
	if err := cfg.ready(); err != nil {
		return nil, &UsageError{err}
	}
	for _, dir := range []string{failuresDir, keptDir} { // of the verification before
		if err := os.RemoveAll(filepath.Join(cfg.Out, dir)); err != nil {
			return nil, fmt.Errorf("harness: %w", err)
		}
	}
	schedule.FreeProcs()
	begin := time.Now()
	var results []report.Result
	var ended error
	for _, s := range cfg.Scenarios {
		r := report.Omitted(s.Name, play.Missing(s, cfg.Engine), cfg.repeat(s))
		if r.Why == "" && ended == nil {
			decided, err := cfg.scenario(ctx, s)
			if ended = err; err == nil {
				r = *decided
			}
		}
		if r.Verdict == report.NotRun && r.Why == "" {
			r.Why = cause(ctx, ended)
		}
		cfg.Progress.Result(&r)
		results = append(results, r)
	}
	sum := summarize(results, cfg.All, cfg.Profile, cfg.Seed, time.Since(begin))
	if ended != nil {
		sum.Why = cause(ctx, ended)
		sum.Verdict = sum.Verdict.Worse(report.NoVerdict)
	}
	return sum, ended
}

// Meta describes the verification, which begins now.
func (cfg *Config) Meta() report.Meta {
	return report.NewMeta(play.BuildOf(filepath.Join(cfg.Engine, "chronus")), play.ThisMachine(), cfg.Profile, cfg.Seed)
}

// summarize makes verdict.json of the scenarios' results.
func summarize(results []report.Result, all bool, profile string, seed uint64, took time.Duration) *report.Summary {
	verdict, failures := gate.Sum(results, all)
	return &report.Summary{
		Verdict: verdict, Profile: profile, Seed: seed, Seconds: took.Seconds(), Scenarios: results,
		Failures: append([]report.Failure{}, failures...), // [] and not null in JSON
	}
}

// cause returns why a verification ended early.
func cause(ctx context.Context, err error) string {
	if ctx.Err() != nil {
		return "interrupted"
	}
	return err.Error()
}

func (cfg *Config) ready() error {
	if len(cfg.Scenarios) == 0 {
		return errors.New("verify: no scenario matches")
	}
	if _, err := os.Stat(filepath.Join(cfg.Engine, "chronus")); err != nil {
		return fmt.Errorf("verify: no engine: %w (make build makes it)", err)
	}
	return nil
}

// binary returns the engine that a scenario needs.
func (cfg *Config) binary(s *scenario.Scenario) string {
	if s.Instrumented() {
		return filepath.Join(cfg.Engine, "failpoints", "chronus")
	}
	return filepath.Join(cfg.Engine, "chronus")
}

// load returns how much of a scenario is done.
func (cfg *Config) load(s *scenario.Scenario) scenario.Load {
	l := s.Profile[cfg.Profile]
	if cfg.Count > 0 {
		l.Cycles = cfg.Count
	}
	if cfg.Processes > 0 {
		l.Processes = cfg.Processes
	}
	return l
}

// repeat returns the command that repeats a scenario as it is run.
func (cfg *Config) repeat(s *scenario.Scenario) string {
	cmd := fmt.Sprintf("bin/chronus verify --profile %s --run '^%s$' --seed %d", cfg.Profile, s.Name, cfg.Seed)
	if cfg.Count > 0 {
		cmd += fmt.Sprintf(" --count %d", cfg.Count)
	}
	if cfg.Processes > 0 {
		cmd += fmt.Sprintf(" --processes %d", cfg.Processes)
	}
	return cmd
}

// scenario plays a scenario's engine processes one after the other, and gives
// the verdict on them. What they left behind is judged when none plays, as many
// at a time as there are CPUs, and then removed, so that neither disk nor
// memory grows with the number of processes. There are more of them than
// planned, at most twice as many, if too few victims were hit while they
// rendered.
func (cfg *Config) scenario(ctx context.Context, s *scenario.Scenario) (*report.Result, error) {
	began := time.Now()
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
		end = began.Add(time.Duration(load.Minutes * float64(time.Minute)))
	}
	most := 2 * load.Processes
	if cfg.Processes > 0 {
		most = cfg.Processes // exactly as many as requested
	}
	done := judged{kept: map[int]string{}}
	var played []string
	for n := range most {
		if n >= load.Processes {
			if err := cfg.judge(s, played, &done); err != nil {
				return nil, err
			}
			played = nil
			if gate.Enough(s, fullCycles(s, cfg.Profile), done.runs) {
				break
			}
		}
		if !end.IsZero() && time.Now().After(end) {
			break
		}
		dir := filepath.Join(tmp, fmt.Sprint(n+1))
		if err := cfg.play(ctx, s, n+1, dir, end); err != nil {
			return nil, err
		}
		if played = append(played, dir); len(played) == runtime.NumCPU() {
			if err := cfg.judge(s, played, &done); err != nil {
				return nil, err
			}
			played = nil
		}
	}
	if err := cfg.judge(s, played, &done); err != nil {
		return nil, err
	}

	c := gate.Case{
		Scenario: s, Cycles: fullCycles(s, cfg.Profile), Runs: done.runs, Kept: done.kept,
		Repeat: cfg.repeat(s), Seconds: time.Since(began).Seconds(),
	}
	if n := done.cycles(); !end.IsZero() && n < planned {
		c.Reached = fmt.Sprintf("%d of %d faults in %g minutes", n, planned, load.Minutes)
	}
	r := gate.Decide(c)
	return &r, nil
}

// fullCycles returns how many cycles a scenario has in a full run of a profile,
// all engine processes together.
func fullCycles(s *scenario.Scenario, profile string) int {
	return s.Profile[profile].Processes * s.Profile[profile].Cycles
}

// play runs one engine process and leaves its files and its record in a folder.
func (cfg *Config) play(ctx context.Context, s *scenario.Scenario, run int, dir string, end time.Time) error {
	rec, err := play.Run(ctx, play.Config{
		Scenario: s, Load: cfg.load(s), Each: cfg.Count > 0, Profile: cfg.Profile, Seed: cfg.Seed, Run: run,
		Repeat: cfg.repeat(s), Build: play.BuildOf(cfg.binary(s)), Machine: play.ThisMachine(),
		Binary: cfg.binary(s), Dir: dir, Floor: cfg.Floor, End: end,
		Cycled: func(cycle int, ok bool) { cfg.Progress.Cycle(run, cycle, ok) },
	})
	if err != nil {
		return err
	}
	return rec.Write(filepath.Join(dir, record.File))
}
