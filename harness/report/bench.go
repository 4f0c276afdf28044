package report

import (
	"fmt"
	"io"
	"runtime"
	"strconv"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchunit"
)

// WriteRuns writes runs.txt: one line for each engine process, its iterations the cycles. These lines are what benchstat
// compares; a scenario has at least six, for a 95 % interval.
func WriteRuns(w io.Writer, machine Machine, results []Result) error {
	b := benchfmt.NewWriter(w)
	for _, m := range metrics {
		for _, unit := range m.Units() {
			if err := writeUnit(b, unit, m.Exact); err != nil {
				return err
			}
		}
	}
	for _, res := range results {
		for _, run := range res.Records {
			line := record(machine, run)
			line.Iters = len(run.Cycles)
			for _, m := range metrics {
				line.Values = append(line.Values, values(run, m)...)
			}
			if len(line.Values) == 0 || line.Iters == 0 {
				continue // it did not get as far as one cycle; verdict.json tells why
			}
			if err := b.Write(line); err != nil {
				return fmt.Errorf("report: %w", err)
			}
		}
	}
	return nil
}

// values are a metric's columns in runs.txt. A metric that was not seen has none: a 0 would be a lie, and in ns it would
// split benchstat's table.
func values(run *Run, m Metric) []benchfmt.Value {
	if m.Unit == "" {
		v, ok := run.Value(m.Name)
		if !ok && !m.Found {
			return nil
		}
		return []benchfmt.Value{{Value: v, Unit: m.Name}}
	}
	samples := run.Samples(m.Name)
	if len(samples) == 0 {
		return nil
	}
	units := m.Units()
	return []benchfmt.Value{
		{Value: Quantile(samples, 0.50), Unit: units[0]},
		{Value: Quantile(samples, 0.99), Unit: units[1]},
	}
}

// WriteCycles writes cycles.txt: one line for each cycle, raw. Cycles of one process are not independent of each other, so
// this is for plots and for looking at, not for significance.
func WriteCycles(w io.Writer, machine Machine, results []Result) error {
	b := benchfmt.NewWriter(w)
	for _, m := range metrics {
		if m.Unit != "" && m.Name != Command {
			if err := writeUnit(b, m.Name+"-"+m.Unit, m.Exact); err != nil {
				return err
			}
		}
	}
	for _, res := range results {
		for _, run := range res.Records {
			for _, c := range run.Cycles {
				line := record(machine, run)
				line.Iters = 1
				line.Name = cycleName(run, c)
				line.Values = []benchfmt.Value{
					{Value: float64(run.Run), Unit: "run"},
					{Value: float64(c.Cycle), Unit: "cycle"},
					{Value: float64(c.KillNS) / 1e9, Unit: "at-sec"},
				}
				for _, m := range metrics {
					if v, ok := c.Values[m.Name]; ok {
						line.Values = append(line.Values, benchfmt.Value{Value: v, Unit: m.Name + "-" + m.Unit})
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

func writeUnit(b *benchfmt.Writer, unit string, exact bool) error {
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
	if err := set("better", "lower"); err != nil || !exact {
		return err
	}
	return set("assume", "exact")
}

// record is a line without its values. The configuration has no commit, seed or date: a key that differs between two files
// makes benchstat compare nothing at all. Those are in meta.json.
func record(machine Machine, run *Run) *benchfmt.Result {
	config := func(key, value string) benchfmt.Config {
		return benchfmt.Config{Key: key, Value: []byte(value), File: true}
	}
	return &benchfmt.Result{
		Config: []benchfmt.Config{
			config("goos", runtime.GOOS), config("goarch", runtime.GOARCH),
			config("pkg", "chronus/scenarios"), config("cpu", machine.CPU),
		},
		Name: benchfmt.Name(name(run) + cpus()),
	}
}

func name(run *Run) string {
	return fmt.Sprintf("Failover/scenario=%s/sink=%s/frames=%d", run.Scenario, run.Engine.Sink, run.Engine.Frames)
}

func cycleName(run *Run, c Cycle) benchfmt.Name {
	n := name(run)
	if c.Phase != "" {
		n += "/phase=" + c.Phase
	}
	if c.Point != "" {
		n += "/point=" + c.Point
	}
	return benchfmt.Name(n + cpus())
}

// cpus is the suffix that `go test -bench` gives a name.
func cpus() string {
	if n := runtime.NumCPU(); n > 1 {
		return "-" + strconv.Itoa(n)
	}
	return ""
}
