// Package metric holds the one table of everything that a verification
// measures: what each metric is called, where it comes from, what is allowed,
// and how it is taken from a record. Reports, the gate, the loader of scenarios
// and the documentation are made from it. It must not judge, and it reads
// nothing but what it is given.
package metric

//go:generate go test . -run TestTheReadmeHasTheTableOfMetrics -update

import (
	"math"
	"sync"

	"golang.org/x/perf/benchunit"

	"chronus/harness/expect"
	"chronus/harness/listener"
	"chronus/harness/oracle"
	"chronus/harness/record"
)

// Metric is one row of the table of metrics.
type Metric struct {
	// Name of the metric. One that has a Limit is an assertion of that name.
	Name string
	// Unit of a metric that is sampled; runs.txt has its p50 and p99 as
	// <name>-p50-<unit> and <name>-p99-<unit>. Empty: one value per engine
	// process, whose unit in runs.txt is the name itself.
	Unit string
	// Better is "lower" or "higher".
	Better string
	// Exact: repeating it adds no confidence, and benchstat shows it as it is.
	Exact bool
	// Limit is the most that one engine process may have; Unlimited: it is
	// reported, not judged.
	Limit float64
	// Worse is the share of the old median by which a significant change for
	// the worse fails a comparison; 0: none ever does. For a sampled metric it
	// applies to the p50: the p99 of a few dozen samples is only for looking
	// at.
	Worse float64
	// Found: it counts findings, so it is 0 where there are none. Any other
	// metric without a value was not measured.
	Found bool
	// Chance: whether an engine process has it depends on what happened in it,
	// so a process without it lacks nothing.
	Chance bool
	// Floor is the metric of the floor process that the budgets of a sampled
	// metric compare it with.
	Floor string
	// Source is what measures it.
	Source Source
	// Doc states in one sentence what is measured, from where to where.
	Doc string

	// How it is taken. A metric has exactly one of these three, except one that
	// is Found; false means that it was not measured.

	// Value takes the one value of an engine process.
	Value func(*Judged) (float64, bool)
	// Sample takes the sample of one cycle.
	Sample func(*Judged, *Cycle) (float64, bool)
	// Series takes all samples of an engine process, where they do not belong
	// to cycles.
	Series func(*Judged) []float64
}

// Judged is what judging has gathered about one engine process. Metrics are
// taken from it.
type Judged struct {
	Record  *record.Record
	BlockNS int64   // duration of a block
	LeadNS  int64   // duration of the lead, as the engine chose it; 0: it never played
	Cycles  []Cycle // all that were begun
	// Rest is what happened after the last cycle. nil: the engine was no longer
	// whole.
	Rest *expect.Outcome
	// Truth is the oracle's result. nil: the truth could not be established.
	Truth *oracle.Result
	// Heard is what the listener at a device heard. nil: there was none.
	Heard *listener.Heard
}

// Cycle is one fault and what came of it.
type Cycle struct {
	Fact    *record.Cycle
	Outcome *expect.Outcome
}

// Source is what measures a metric, and with which clock.
type Source string

// The sources. What the engine reports of its own times counts only between
// bounds that the harness saw itself.
const (
	Bounded Source = "engine, between kill and receipt"
	Outside Source = "harness, from outside"
	OnTape  Source = "tape"
	Truths  Source = "tape and sound"
	Heard   Source = "tape and listener"
	Events  Source = "events"
	Proc    Source = "/proc"
	Own     Source = "engine's own count"
	Floors  Source = "floor process"
)

// Unlimited is the Limit of a metric that is not judged.
var Unlimited = math.Inf(1)

// A tenth is what the medians of ten processes per side can resolve on a shared
// machine; a quarter applies where the kernel or the tail of a distribution has
// the greater part.
const (
	tenth   = 0.10
	quarter = 0.25
	half    = 0.50
	never   = 0.0
)

const lower = "lower"

// sampled is a time of each fault.
func sampled(name, unit string, source Source, worse float64, take func(*Judged, *Cycle) (float64, bool), doc string) Metric {
	return Metric{
		Name: name, Unit: unit, Better: lower, Limit: Unlimited, Worse: worse, Source: source, Doc: doc,
		Floor: FloorPidfd, Sample: take,
	}
}

// starting is sampled for a time in which a process is started: budgets compare
// it with the floor's exec.
func starting(name, unit string, source Source, worse float64, take func(*Judged, *Cycle) (float64, bool), doc string) Metric {
	m := sampled(name, unit, source, worse, take, doc)
	m.Floor = FloorExec
	return m
}

// series is a time of each command.
func series(name, unit string, source Source, worse float64, take func(*Judged) []float64, doc string) Metric {
	return Metric{
		Name: name, Unit: unit, Better: lower, Limit: Unlimited, Worse: worse, Source: source, Doc: doc,
		Floor: FloorPidfd, Series: take,
	}
}

// count is a number that must be the same however often it is taken.
func count(name string, limit float64, source Source, take func(*Judged) (float64, bool), doc string) Metric {
	return Metric{Name: name, Better: lower, Exact: true, Limit: limit, Source: source, Doc: doc, Value: take}
}

// truth is a count of violations by the oracle, of which there must be none.
func truth(name, doc string) Metric {
	return count(name, 0, Truths, func(j *Judged) (float64, bool) {
		if j.Truth == nil {
			return 0, false
		}
		a, ok := j.Truth.Assertion(name)
		return float64(a.Count), ok
	}, doc)
}

// found is a count of findings, of which there must be none.
func found(name string, source Source, doc string) Metric {
	return Metric{Name: name, Better: lower, Exact: true, Found: true, Source: source, Doc: doc}
}

// value is one figure of an engine process, which differs from one to the next.
func value(name string, limit float64, source Source, worse float64, take func(*Judged) (float64, bool), doc string) Metric {
	return Metric{Name: name, Better: lower, Limit: limit, Worse: worse, Source: source, Doc: doc, Value: take}
}

// chance marks a metric that a process has only if something happened in it
// that need not.
func chance(m Metric) Metric {
	m.Chance = true
	return m
}

// All returns the whole table, in the order of the reports.
func All() []Metric { return table }

// Lookup finds a metric by its name.
func Lookup(name string) (Metric, bool) {
	for _, m := range table {
		if m.Name == name {
			return m, true
		}
	}
	return Metric{}, false
}

// Judged reports whether the metric is an assertion.
func (m Metric) Judged() bool { return !math.IsInf(m.Limit, 1) }

// Units returns the units that the metric has in runs.txt.
func (m Metric) Units() []string {
	if m.Unit == "" {
		return []string{m.Name}
	}
	return []string{m.Name + "-p50-" + m.Unit, m.Name + "-p99-" + m.Unit}
}

// Of finds the metric that a column of runs.txt belongs to, by its unit as
// benchfmt reads it: with ns tidied to sec. median reports whether Worse
// applies to the column: it is the p50 of a sampled metric, or the value of
// another.
func Of(unit string) (m Metric, median, ok bool) {
	c, ok := columnByUnit()[unit]
	return c.metric, c.median, ok
}

type column struct {
	metric Metric
	median bool
}

var columnByUnit = sync.OnceValue(func() map[string]column {
	all := map[string]column{}
	for _, m := range table {
		for i, u := range m.Units() {
			_, tidy := benchunit.Tidy(1, u)
			all[tidy] = column{m, i == 0}
		}
	}
	return all
})
