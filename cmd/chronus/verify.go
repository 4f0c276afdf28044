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
	"chronus/scenarios"
)

// verifyCmd is `chronus verify`.
type verifyCmd struct {
	Profile string  `help:"How much is done: quick, full or soak." enum:"quick,full,soak" default:"quick"`
	Match   string  `help:"Only the scenarios whose name matches." name:"run" placeholder:"REGEXP"`
	Count   int     `help:"Faults for each engine process, instead of what the profile says." placeholder:"N"`
	Procs   int     `help:"Engine processes for each scenario, instead of what the profile says." name:"processes" placeholder:"N"`
	All     bool    `help:"Fail where a scenario cannot run here." name:"require-all"`
	Seed    *uint64 `help:"Seed of all that is random; a new one each time unless given." placeholder:"N"`
	Out     string  `help:"Folder of the reports." default:"results/latest" placeholder:"DIR"`
	Engine  string  `help:"Folder of the engine's binaries; the one of this program unless given." placeholder:"DIR"`
	List    bool    `help:"List the scenarios and do nothing."`
	JSON    bool    `help:"Print verdict.json instead of the table."`
	Floor   bool    `hidden:"" help:"Be the floor process."`
}

// Run verifies the engine: it injects faults into running engines and holds every frame to the truth.
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
	all, err := scenarios.All()
	if err != nil {
		return usage(err)
	}
	chosen := scenarios.Select(scenarios.In(all, v.Profile), match)
	if len(chosen) == 0 {
		return usage(fmt.Errorf("--run %q: no scenario of profile %s matches (chronus verify --profile %[2]s --list lists them)", v.Match, v.Profile))
	}
	if v.List {
		return v.list(out, chosen)
	}
	return v.verify(out, chosen)
}

func (v *verifyCmd) list(out io.Writer, chosen []*scenarios.Scenario) error {
	if v.JSON {
		type scenario struct {
			Name      string   `json:"name"`
			Why       string   `json:"why"`
			Needs     []string `json:"needs,omitempty"`
			Processes int      `json:"processes"`
			Cycles    int      `json:"cycles"`
		}
		all := []scenario{}
		for _, s := range chosen {
			all = append(all, scenario{s.Name, s.Why, s.Needs, s.Profile[v.Profile].Processes, s.Profile[v.Profile].Cycles})
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

func (v *verifyCmd) verify(out io.Writer, chosen []*scenarios.Scenario) error {
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
	if err := os.MkdirAll(v.Out, 0o755); err != nil {
		return usage(err)
	}
	if err := report.Clear(v.Out); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
	meta := report.NewMeta(filepath.Join(engine, "chronus"), v.Profile, seed)
	sum, err := harness.Verify(ctx, harness.Config{
		Scenarios: chosen, All: v.All, Profile: v.Profile, Processes: v.Procs, Count: v.Count, Seed: seed, Out: v.Out, Engine: engine,
		Floor: []string{self, "verify", "--floor"}, Progress: harness.NewProgress(os.Stderr),
	})
	var mistake *harness.UsageError
	switch {
	case errors.As(err, &mistake):
		return usage(err)
	case sum == nil:
		return fmt.Errorf("verify: no verdict: %w", err)
	}
	meta.Realise(sum.Scenarios) // also where it ended early: what was seen until then counts
	if err := report.WriteDir(v.Out, meta, sum); err != nil {
		return err
	}
	if _, err := report.WriteHTML(v.Out); err != nil {
		return err
	}
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
