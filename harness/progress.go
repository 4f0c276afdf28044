package harness

import (
	"fmt"
	"io"
	"math"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"chronus/engine/quantile"
	"chronus/harness/metric"
	"chronus/harness/report"
	"chronus/harness/scenario"
)

// NewProgress shows a verification's progress: as a bar if out is a terminal,
// otherwise as a line per scenario when it ends.
func NewProgress(out *os.File) Progress {
	if term.IsTerminal(int(out.Fd())) {
		return &barProgress{lineProgress: lineProgress{out: out}}
	}
	return &lineProgress{out: out}
}

// lineProgress writes a line per scenario.
type lineProgress struct{ out io.Writer }

func (p *lineProgress) Scenario(*scenario.Scenario, int) {}

func (p *lineProgress) Cycle(int, int, bool) {}

func (p *lineProgress) Checking() {}

func (p *lineProgress) Result(r *report.Result) {
	if r.Verdict == report.NotRun {
		fmt.Fprintf(p.out, "%-12s %-24s %s\n", r.Verdict, r.Scenario, r.Why)
		return
	}
	fmt.Fprintf(p.out, "%-12s %-24s %d engines, %d faults, %s, detect p50 %s, %.0f s, %.1f faults per second\n",
		r.Verdict, r.Scenario, r.Runs, r.Cycles, r.Bound, detect(r), r.Seconds, r.PerSecond)
	for _, f := range r.Failures {
		fmt.Fprintf(p.out, "%-12s %s: %s\n", "", f.Assertion, f.Detail[0])
	}
}

func detect(r *report.Result) string {
	v := quantile.Of(r.Samples(metric.Detect), 0.5)
	if math.IsNaN(v) {
		return "-"
	}
	return fmt.Sprintf("%.2f ms", v/1e6)
}

// barProgress shows a bar for the current scenario, and above it the lines of
// those that have ended.
type barProgress struct {
	lineProgress
	bar  *progressbar.ProgressBar
	name string
}

func (p *barProgress) Scenario(s *scenario.Scenario, cycles int) {
	if cycles == 0 {
		cycles = -1 // not known: shown as a spinner
	}
	p.name = s.Name
	p.bar = progressbar.NewOptions(cycles,
		progressbar.OptionSetWriter(p.out), progressbar.OptionSetDescription(p.name), progressbar.OptionShowCount(),
		progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(false),
	)
}

func (p *barProgress) Cycle(run, _ int, ok bool) {
	what := p.name
	if !ok {
		what = fmt.Sprintf("%s, engine %d: not clean", p.name, run)
	}
	p.bar.Describe(what)
	p.bar.Add(1)
}

func (p *barProgress) Checking() { p.bar.Describe(p.name + ": every frame against the truth") }

func (p *barProgress) Result(r *report.Result) {
	if p.bar != nil { // none if no scenario was run
		p.bar.Clear()
	}
	p.lineProgress.Result(r)
}
