package report

import (
	"fmt"
	"math"
	"slices"

	"chronus/engine/quantile"
	"chronus/harness/metric"
)

// Verdict is that of a scenario or of a whole verification.
type Verdict string

// The verdicts. Only Fail and NoVerdict are the engine's doing. InvalidHost
// means that the machine's own floor broke its limits.
const (
	Pass        Verdict = "pass"
	Fail        Verdict = "fail"
	InvalidHost Verdict = "invalid host"
	NoVerdict   Verdict = "no verdict" // not enough was seen to judge on
	NotRun      Verdict = "not run"    // of a scenario: something that it needs is missing, or the verification ended early
)

// ExitCode returns the exit code of `chronus verify`: 0 for pass, 1 for fail, 3
// if the machine cannot be judged on.
func (v Verdict) ExitCode() int {
	switch v {
	case Pass:
		return 0
	case InvalidHost:
		return 3
	}
	return 1
}

// Worse returns the one of two verdicts that decides. What was not run decides
// nothing.
func (v Verdict) Worse(w Verdict) Verdict {
	rank := map[Verdict]int{NotRun: 0, Pass: 1, InvalidHost: 2, NoVerdict: 3, Fail: 4}
	if rank[w] > rank[v] {
		return w
	}
	return v
}

// Failure is an assertion that failed in a scenario.
type Failure struct {
	Scenario  string   `json:"scenario"`
	Assertion string   `json:"assertion"`
	Count     float64  `json:"count"` // in all engine processes together; of a budget, its value
	Limit     float64  `json:"limit"` // per engine process; of a budget, for their median
	Detail    []string `json:"detail"`
	Repeat    string   `json:"repeat"`         // the command that repeats it
	Kept      []string `json:"kept,omitempty"` // folders with tape, sound and log
}

// String returns the failed assertion in one line.
func (f Failure) String() string {
	return fmt.Sprintf("%s is %s, at most %s", f.Assertion, metric.Number(f.Count), metric.Number(f.Limit))
}

// Result is one scenario, judged.
type Result struct {
	Scenario string  `json:"scenario"`
	Verdict  Verdict `json:"verdict"`
	Why      string  `json:"why,omitempty"`    // if it is neither pass nor fail
	Failed   string  `json:"failed,omitempty"` // the first assertion that failed, in one line
	Repeat   string  `json:"repeat"`           // the command that repeats it
	Seconds  float64 `json:"seconds"`
	Runs     int     `json:"runs"` // engine processes
	Cycles   int     `json:"cycles"`
	// PerSecond is how many cycles per second were played and judged, including
	// the starts of the engines.
	PerSecond float64 `json:"cycles_per_sec"`
	// Reached is how far a scenario got that ran out of time.
	Reached string         `json:"reached,omitempty"`
	BlockNS int64          `json:"block_ns,omitempty"` // duration of a block
	Bound   string         `json:"bound"`
	Phases  map[string]int `json:"phases"` // faults by what the victim was doing
	// Figures are by unit, as in runs.txt. A unit in which nothing was measured
	// is missing.
	Figures map[string]Figure `json:"figures"`
	Budgets []Held            `json:"budgets,omitempty"`
	// Allowed is, by metric, the most that one engine process may have, where
	// that is not the metric's Limit.
	Allowed   map[string]float64 `json:"allowed,omitempty"`
	Failures  []Failure          `json:"failures,omitempty"`
	Processes []*Run             `json:"-"`
}

// Figure sums up one column of runs.txt over the engine processes of a
// scenario.
type Figure struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	N      int     `json:"n"` // engine processes that have it
}

// Held is a budget of the scenario and what was held to it: the median engine
// process.
type Held struct {
	Budget string  `json:"budget"`
	Value  float64 `json:"value"`
	Limit  float64 `json:"limit"`
}

// Figures sums up the columns of runs.txt of some engine processes.
func Figures(runs []*Run) map[string]Figure {
	by := map[string][]float64{}
	for _, run := range runs {
		if len(run.Cycles) == 0 {
			continue
		}
		for _, m := range metric.All() {
			for _, v := range columns(run, m) {
				by[v.Unit] = append(by[v.Unit], v.Value)
			}
		}
	}
	all := map[string]Figure{}
	for unit, v := range by {
		all[unit] = Figure{quantile.Of(v, 0.5), slices.Min(v), slices.Max(v), len(v)}
	}
	return all
}

// Omitted returns the result of a scenario that was not run.
func Omitted(scenario, why, repeat string) Result {
	return Result{
		Scenario: scenario, Verdict: NotRun, Why: why, Repeat: repeat,
		Bound: Bound(0, 0), Phases: map[string]int{}, Figures: map[string]Figure{},
	}
}

// total returns the sum of a metric over all processes.
func (r *Result) total(name string) float64 {
	sum := 0.0
	for _, run := range r.Processes {
		v, _ := run.Value(name)
		sum += v
	}
	return sum
}

// Samples returns those of all processes together: for a person to look at,
// never for significance.
func (r *Result) Samples(name string) []float64 {
	var all []float64
	for _, run := range r.Processes {
		all = append(all, run.Samples(name)...)
	}
	return all
}

// Summary is verdict.json.
type Summary struct {
	Verdict   Verdict   `json:"verdict"`
	Why       string    `json:"why,omitempty"` // what ended the verification early
	Profile   string    `json:"profile"`
	Seed      uint64    `json:"seed"`
	Seconds   float64   `json:"seconds"`
	Scenarios []Result  `json:"scenarios"`
	Failures  []Failure `json:"failures"`
}

// Bound states what is known of the rate at which cycles go bad if bad of n
// did. None of 204 means less than 1.5 % with 95 % confidence: a higher rate
// would have shown in 95 of 100 such runs.
func Bound(bad, n int) string {
	switch {
	case n == 0:
		return "0/0"
	case bad > 0:
		return fmt.Sprintf("%d/%d", bad, n)
	}
	return fmt.Sprintf("0/%d: loss below %.2g %% (95 %%)", n, 100*(1-math.Pow(0.05, 1/float64(n))))
}
