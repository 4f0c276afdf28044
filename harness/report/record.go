package report

import (
	"math"
	"slices"

	"chronus/harness/floor"
)

// Cycle is one fault and what was measured of it.
type Cycle struct {
	Cycle  int    // from 1, within its engine process
	Point  string // the failpoint of a crash
	Fault  string // the scenario that the cycle is one of, where one mixes several
	Phase  string // what the first victim was doing when it died, as the engine says: idle, rendering, publishing, restoring
	DueNS  int64  // when the schedule wanted the fault, CLOCK_MONOTONIC
	KillNS int64  // just before kill(2)
	// Values are the samples of this cycle by metric name; a metric that the cycle says nothing about is missing.
	Values map[string]float64
}

// Finding is one thing that must not be.
type Finding struct {
	Assertion string `json:"assertion"` // name of a metric that has a limit
	Run       int    `json:"run"`       // engine process, from 1
	Cycle     int    `json:"cycle"`     // 0: of the process as a whole
	Detail    string `json:"detail"`
	// FromNS and ToNS are when it happened (CLOCK_MONOTONIC). 0: it has no time, and no stall of the machine excuses it.
	FromNS int64 `json:"from_ns,omitempty"`
	ToNS   int64 `json:"to_ns,omitempty"`
}

// Run is one engine process.
type Run struct {
	Scenario string
	Run      int // from 1
	Engine   Engine
	Cycles   []Cycle
	Commands []float64 // command latencies, ns
	// Values are the metrics that have one value a process. Those that Findings count are not set here but added up by Value.
	Values   map[string]float64
	Findings []Finding
	Floor    floor.Report
	Dir      string // what was kept of it, where it failed
}

// Engine is how the engine of a run was started.
type Engine struct {
	Sink    string
	Frames  int
	Rate    int
	BlockNS int64 // duration of a block
	LeadNS  int64 // duration of the lead, as the engine chose it
	Fifo    bool  // the player runs under SCHED_FIFO
}

// Find adds a finding.
func (r *Run) Find(f Finding) {
	f.Run = r.Run
	r.Findings = append(r.Findings, f)
}

// Set sets a metric that has one value a process.
func (r *Run) Set(name string, v float64) {
	if r.Values == nil {
		r.Values = map[string]float64{}
	}
	r.Values[name] = v
}

// Value is the value of a metric that has one a process: what was set, or the number of its findings if that is more.
func (r *Run) Value(name string) (float64, bool) {
	v, ok := r.Values[name]
	n := 0.0
	for _, f := range r.Findings {
		if f.Assertion == name {
			n++
		}
	}
	return max(v, n), ok || n > 0
}

// Samples are the samples of a metric that has one a cycle, or one a command.
func (r *Run) Samples(name string) []float64 {
	switch name {
	case Command:
		return r.Commands
	case CommandIn:
		all := make([]float64, len(r.Commands))
		for i, ns := range r.Commands {
			all[i] = ns / float64(r.Engine.BlockNS)
		}
		return all
	}
	var all []float64
	for _, c := range r.Cycles {
		if v, ok := c.Values[name]; ok {
			all = append(all, v)
		}
	}
	return all
}

// Quantile of samples in any order by the nearest rank; NaN where there are none.
func Quantile(samples []float64, q float64) float64 {
	if len(samples) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(samples))
	rank := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)]
}
