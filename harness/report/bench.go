package report

import (
	"fmt"
	"io"
	"math"
	"runtime"
	"strconv"
	"strings"

	"chronus/engine/quantile"
	"chronus/harness/metric"
	"chronus/harness/record"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchunit"
)

// WriteRuns writes runs.txt: one line per engine process, with its cycles as
// iterations. benchstat compares these lines; a scenario has at least six, for
// a 95 % interval.
func WriteRuns(w io.Writer, machine record.Machine, results []Result) error {
	b := benchfmt.NewWriter(w)
	for _, m := range metric.All() {
		for _, unit := range m.Units() {
			if err := writeUnit(b, unit, m); err != nil {
				return err
			}
		}
	}
	for _, res := range results {
		for _, run := range res.Processes {
			line := lineOf(machine, run)
			line.Iters = len(run.Cycles)
			for _, m := range metric.All() {
				line.Values = append(line.Values, columns(run, m)...)
			}
			if len(line.Values) == 0 || line.Iters == 0 {
				continue // it did not complete a cycle; verdict.json says why
			}
			if err := b.Write(line); err != nil {
				return fmt.Errorf("report: %w", err)
			}
		}
	}
	return nil
}

// columns returns a metric's columns in runs.txt. A metric that was not
// measured has none: a 0 would be a lie.
func columns(run *Run, m metric.Metric) []benchfmt.Value {
	units := m.Units()
	if m.Unit == "" {
		v, ok := run.Value(m.Name)
		if !ok && !m.Found || !writable(v, units[0]) {
			return nil
		}
		return []benchfmt.Value{{Value: v, Unit: units[0]}}
	}
	var all []benchfmt.Value
	for i, q := range []float64{0.50, 0.99} {
		if v := quantile.Of(run.Samples(m.Name), q); writable(v, units[i]) {
			all = append(all, benchfmt.Value{Value: v, Unit: units[i]})
		}
	}
	return all
}

// writable reports whether a value can stand in a benchfmt file. A time in ns
// of 0 or less cannot: the engine's clock contradicts the harness's, which
// timestamp-errors reports, and benchstat would open another table for it.
func writable(v float64, unit string) bool {
	return !math.IsNaN(v) && !math.IsInf(v, 0) && (v > 0 || !strings.HasSuffix(unit, "-ns"))
}

// WriteCycles writes cycles.txt: one line per cycle, raw. The cycles of one
// process are not independent of each other, so the file is for plots and for
// looking at, not for significance.
func WriteCycles(w io.Writer, machine record.Machine, results []Result) error {
	b := benchfmt.NewWriter(w)
	for _, m := range metric.All() {
		if m.Unit != "" && m.Series == nil {
			if err := writeUnit(b, m.Name+"-"+m.Unit, m); err != nil {
				return err
			}
		}
	}
	for _, res := range results {
		for _, run := range res.Processes {
			for _, c := range run.Cycles {
				line := lineOf(machine, run)
				line.Iters = 1
				line.Name = benchfmt.Name(name(run) + where(c) + suffix(machine))
				line.Values = []benchfmt.Value{
					{Value: float64(run.Run), Unit: "run"},
					{Value: float64(c.Cycle), Unit: "cycle"},
					{Value: float64(c.KillNS) / 1e9, Unit: "at-sec"},
				}
				for _, m := range metric.All() {
					unit := m.Name + "-" + m.Unit
					if v, ok := c.Values[m.Name]; ok && writable(v, unit) {
						line.Values = append(line.Values, benchfmt.Value{Value: v, Unit: unit})
					}
				}
				if err := b.Write(line); err != nil {
					return fmt.Errorf("report: %w", err)
				}
			}
		}
	}
	return nil
}

func writeUnit(b *benchfmt.Writer, unit string, m metric.Metric) error {
	set := func(key, value string) error {
		_, tidy := benchunit.Tidy(1, unit)
		err := b.Write(&benchfmt.UnitMetadata{
			UnitMetadataKey: benchfmt.UnitMetadataKey{Unit: tidy, Key: key}, OrigUnit: unit, Value: value,
		})
		if err != nil {
			return fmt.Errorf("report: %w", err)
		}
		return nil
	}
	if err := set("better", m.Better); err != nil || !m.Exact {
		return err
	}
	return set("assume", "exact")
}

// lineOf returns a line without its values. The configuration has no commit,
// seed or date: if a key differs between two files, benchstat compares nothing
// at all. Those are in meta.json.
func lineOf(machine record.Machine, run *Run) *benchfmt.Result {
	config := func(key, value string) benchfmt.Config {
		return benchfmt.Config{Key: key, Value: []byte(value), File: true}
	}
	return &benchfmt.Result{
		Config: []benchfmt.Config{
			config("goos", runtime.GOOS), config("goarch", machine.Arch),
			config("pkg", "chronus/scenarios"), config("cpu", machine.CPU),
		},
		Name: benchfmt.Name(name(run) + suffix(machine)),
	}
}

func name(run *Run) string {
	return fmt.Sprintf("Failover/scenario=%s/sink=%s/frames=%d", run.Scenario, run.Engine.Sink, run.Engine.Frames)
}

// where names what distinguishes a cycle: its fault, and where in the victim's
// life it hit.
func where(c Cycle) string {
	n := ""
	if c.Fault != "" {
		n += "/fault=" + c.Fault
	}
	if c.Phase != "" {
		n += "/phase=" + c.Phase
	}
	if c.Point != "" {
		n += "/point=" + c.Point
	}
	return n
}

// suffix returns what `go test -bench` appends to a name.
func suffix(m record.Machine) string {
	if m.CPUs > 1 {
		return "-" + strconv.Itoa(m.CPUs)
	}
	return ""
}
