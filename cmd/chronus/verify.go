//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"text/tabwriter"

	"chronus/harness"
	"chronus/harness/floor"
	"chronus/harness/report"
	"chronus/harness/scenario"
)

// verifyCmd is `chronus verify`.
type verifyCmd struct {
	Profile string  `help:"How much to do: quick, full or soak." enum:"quick,full,soak" default:"quick"`
	Match   string  `help:"Only the scenarios whose name matches." name:"run" placeholder:"REGEXP"`
	Count   int     `help:"Faults per engine process, instead of what the profile says." placeholder:"N"`
	Procs   int     `help:"Engine processes per scenario, instead of what the profile says." name:"processes" placeholder:"N"`
	All     bool    `help:"Fail if a scenario cannot run here." name:"require-all"`
	Seed    *uint64 `help:"Seed of all that is random; a new one each time unless given." placeholder:"N"`
	Out     string  `help:"Folder of the reports: results/latest unless given; with --judge, none unless given." placeholder:"DIR"`
	Keep    bool    `help:"Keep the record, tape and sound of every engine process, not only of those that failed."`
	Judge   string  `help:"Judge the kept records below a folder again, without playing." placeholder:"DIR"`
	Engine  string  `help:"Folder of the engine's binaries; the one of this program unless given." placeholder:"DIR"`
	List    bool    `help:"List the scenarios and do nothing else."`
	JSON    bool    `help:"Print verdict.json instead of the table."`
	Floor   bool    `hidden:"" help:"Be the floor process."`
}

// Run verifies the engine: it injects faults into running engines and holds
// every frame to the truth.
func (v *verifyCmd) Run(out io.Writer) error {
	if v.Floor {
		return floor.Serve(os.Stdin, os.Stdout)
	}
	match, err := regexp.Compile(v.Match)
	if err != nil {
		return usage(fmt.Errorf("--run %q: %w", v.Match, err))
	}
	for name, n := range map[string]int{"count": v.Count, "processes": v.Procs} {
		if n < 0 {
			return usage(fmt.Errorf("--%s %d: must not be negative", name, n))
		}
	}
	all, err := scenario.All()
	if err != nil {
		return usage(err)
	}
	if v.Judge != "" {
		return v.judge(out, all, match)
	}
	chosen := scenario.Select(scenario.In(all, v.Profile), match)
	if len(chosen) == 0 {
		return usage(fmt.Errorf("--run %q: no scenario of profile %s matches (chronus verify --profile %[2]s --list lists them)",
			v.Match, v.Profile))
	}
	if v.List {
		return v.list(out, chosen)
	}
	return v.verify(out, chosen)
}

func (v *verifyCmd) list(out io.Writer, chosen []*scenario.Scenario) error {
	if v.JSON {
		type listed struct {
			Name      string   `json:"name"`
			Why       string   `json:"why"`
			Needs     []string `json:"needs,omitempty"`
			Processes int      `json:"processes"`
			Cycles    int      `json:"cycles"`
		}
		all := []listed{}
		for _, s := range chosen {
			all = append(all, listed{s.Name, s.Why, s.Needs, s.Profile[v.Profile].Processes, s.Profile[v.Profile].Cycles})
		}
		return report.WriteJSON(out, all)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, s := range chosen {
		load := s.Profile[v.Profile]
		times := fmt.Sprintf("%d x %d", load.Processes, load.Cycles)
		if s.Crashes() {
			times = fmt.Sprintf("%d x every point", load.Cycles)
		}
		why := s.Why
		if len(s.Needs) > 0 {
			why += " (needs " + strings.Join(s.Needs, ", ") + ")"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.Name, times, why)
	}
	return w.Flush()
}

func (v *verifyCmd) verify(out io.Writer, chosen []*scenario.Scenario) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	engine, seed := v.Engine, rand.Uint64N(1_000_000)
	if engine == "" {
		engine = filepath.Dir(self)
	}
	if v.Seed != nil {
		seed = *v.Seed
	}
	dir := v.Out
	if dir == "" {
		dir = latest
	}
	if err := makeReady(dir); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // so that a second Ctrl-C ends it at once
	cfg := harness.Config{
		Scenarios: chosen, All: v.All, Profile: v.Profile, Processes: v.Procs, Count: v.Count, Seed: seed,
		Out: dir, Keep: v.Keep, Engine: engine,
		Floor: []string{self, "verify", "--floor"}, Progress: harness.NewProgress(os.Stderr),
	}
	meta := cfg.Meta()
	sum, err := harness.Verify(ctx, cfg)
	var mistake *harness.UsageError
	switch {
	case errors.As(err, &mistake):
		return usage(err)
	case sum == nil:
		return fmt.Errorf("verify: no verdict: %w", err)
	}
	// Also if it ended early: what was seen until then counts.
	if err := write(dir, meta, sum); err != nil {
		return err
	}
	return v.show(out, sum)
}

// latest is the folder of the reports unless another is given.
const latest = "results/latest"

// judge judges kept records again.
func (v *verifyCmd) judge(out io.Writer, all []*scenario.Scenario, match *regexp.Regexp) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	sum, of, err := harness.Judge(ctx, harness.Again{
		Dir: v.Judge, Scenarios: all, Match: match, Progress: harness.NewProgress(os.Stderr),
	})
	var mistake *harness.UsageError
	switch {
	case errors.As(err, &mistake):
		return usage(err)
	case err != nil:
		return err
	}
	if v.Out != "" {
		if err := makeReady(v.Out); err != nil {
			return err
		}
		if err := write(v.Out, report.NewMeta(of.Build, of.Machine, of.Profile, of.Seed), sum); err != nil {
			return err
		}
	}
	return v.show(out, sum)
}

// makeReady creates a folder for reports, or clears it of earlier ones.
func makeReady(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return usage(err)
	}
	return report.Clear(dir)
}

// write writes all reports.
func write(dir string, meta report.Meta, sum *report.Summary) error {
	meta.Realise(sum.Scenarios)
	if err := report.WriteDir(dir, meta, sum); err != nil {
		return err
	}
	_, err := report.WriteHTML(dir)
	return err
}

// show prints the result, and returns the verdict as an exit code.
func (v *verifyCmd) show(out io.Writer, sum *report.Summary) error {
	show := report.WriteTable
	if v.JSON {
		show = func(w io.Writer, s *report.Summary) error { return report.WriteJSON(w, s) }
	}
	if err := show(out, sum); err != nil {
		return err
	}
	if code := sum.Verdict.ExitCode(); code != exitPass {
		return &exitError{code: code}
	}
	return nil
}
