package report

import "chronus/harness/floor"

// Run is one engine process, judged.
type Run struct {
	Scenario string
	Run      int // from 1
	Engine   Engine
	Cycles   []Cycle // those after which the engine was whole
	// Series are the samples by metric that do not belong to cycles.
	Series map[string][]float64
	// Values are the metrics that have one value per process. What Findings
	// count is not in here; Value adds it up.
	Values   map[string]float64
	Findings []Finding
	Floor    floor.Report
}

// Engine is how the engine of a run was started.
type Engine struct {
	Sink    string
	Frames  int // per block
	Rate    int // Hz
	BlockNS int64
	LeadNS  int64 // as the engine chose it
	Fifo    bool  // the player runs under SCHED_FIFO
}

// Cycle is one fault and what was measured of it.
type Cycle struct {
	Cycle int    // from 1, within its engine process
	Point string // the failpoint of a crash
	Fault string // the scenario that the cycle is one of, where one mixes several
	// Phase is what the first victim was doing when it died, as the engine
	// reports it: idle, rendering, publishing, restoring.
	Phase  string
	DueNS  int64 // when the schedule wanted the fault, CLOCK_MONOTONIC
	KillNS int64 // just before kill(2)
	// Values are the samples of this cycle by metric name. A metric that was
	// not measured in the cycle is missing.
	Values map[string]float64
}

// Finding is one thing that must not be.
type Finding struct {
	Assertion string `json:"assertion"` // name of a metric that has a limit
	Run       int    `json:"run"`       // engine process, from 1
	Cycle     int    `json:"cycle"`     // 0: of the process as a whole
	Detail    string `json:"detail"`
	// FromNS and ToNS are when it happened (CLOCK_MONOTONIC). 0: it has no
	// time, and no stall of the machine excuses it.
	FromNS int64 `json:"from_ns,omitempty"`
	ToNS   int64 `json:"to_ns,omitempty"`
}

// Find adds a finding.
func (r *Run) Find(f Finding) {
	f.Run = r.Run
	r.Findings = append(r.Findings, f)
}

// Set sets a metric that has one value per process.
func (r *Run) Set(name string, v float64) {
	if r.Values == nil {
		r.Values = map[string]float64{}
	}
	r.Values[name] = v
}

// Value returns the value of a metric that has one per process: what was set,
// or the number of its findings if that is more. It reports whether there is
// either.
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

// Samples returns the samples of a metric: those of the cycles, or its series.
func (r *Run) Samples(name string) []float64 {
	if all, ok := r.Series[name]; ok {
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
