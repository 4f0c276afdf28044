package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/perf/benchunit"

	"chronus/engine/quantile"
	"chronus/harness/metric"
	"chronus/harness/oracle"
	"chronus/harness/record"
)

// bench returns the engine processes of two scenarios on a machine that is
// always the same, with everything that is awkward in such a file: zeros, units
// that one of them does not have, values that differ between processes, and a
// factor (shift) on every time.
func bench(shift float64) []Result {
	var all []Result
	for s, scenario := range []string{"kill-primary", "none"} {
		r := Result{Scenario: scenario, Verdict: Pass}
		for n := range 6 {
			run := &Run{Scenario: scenario, Run: n + 1, Engine: Engine{Sink: "wav", Frames: 256, Rate: 44100, BlockNS: 5_804_988}}
			spread := shift * (1 + 0.01*float64((7*n+s)%6))
			for c := range 4 {
				cycle := Cycle{Cycle: c + 1, KillNS: int64(1e9 * (c + 1)), Values: map[string]float64{metric.InjectLate: 0, metric.FloorPidfd: 500_000 * spread}}
				if scenario != "none" {
					cycle.Phase = "rendering"
					for _, m := range metric.All() {
						if m.Unit == "ns" && m.Series == nil {
							cycle.Values[m.Name] = (typical(m.Name) + float64(c*1000)) * spread
						}
					}
				}
				run.Cycles = append(run.Cycles, cycle)
			}
			run.Series = commands(17e6*spread, 18e6*spread)
			for _, m := range metric.All() {
				switch {
				case m.Unit != "" || m.Found || m.Name == oracle.ClosedForm && scenario != "none":
				case strings.HasSuffix(m.Name, "-ns"):
					run.Set(m.Name, 40_000*spread)
				case m.Name == metric.Drift:
					run.Set(m.Name, 4*spread)
				default:
					run.Set(m.Name, 0)
				}
			}
			r.Processes = append(r.Processes, run)
		}
		all = append(all, r)
	}
	all[0].Processes[4].Set(metric.LostFrames, 256)      // one loss among six
	all[0].Processes[2].Set(metric.EntryLateP99, 120e-6) // one that is not 0
	return all
}

var benchMachine = record.Machine{CPU: "Intel(R) Xeon(R) CPU @ 2.20GHz", Arch: "amd64", CPUs: 2}

// typical is a time (ns) of a metric that does not depend on the other metrics.
func typical(name string) float64 {
	h := fnv.New32a()
	h.Write([]byte(name))
	return float64(10+h.Sum32()%50) * 10_000
}

func writeBench(t *testing.T, dir, name string, results []Result) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, WriteRuns(&b, benchMachine, results))
	file := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(file, b.Bytes(), 0o644))
	return file
}

// benchstat runs the stock command, in the version of go.mod.
func benchstat(t *testing.T, dir string, args ...string) (out, warnings string) {
	t.Helper()
	build := exec.Command("go", "tool", "-n", "benchstat")
	tool, err := build.CombinedOutput()
	require.NoError(t, err, "%s", tool)
	var o, e bytes.Buffer
	cmd := exec.Command(strings.TrimSpace(string(tool)), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &o, &e
	require.NoError(t, cmd.Run(), "%s", e.String())
	return o.String(), e.String()
}

// tables splits benchstat's CSV into the rows of each table, by the table's
// unit. A unit that has two tables is an error.
func tables(t *testing.T, text string) map[string][]string {
	t.Helper()
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1
	lines, err := r.ReadAll()
	require.NoError(t, err)
	rows, unit := map[string][]string{}, ""
	for _, l := range lines {
		switch {
		case l[0] == "" && len(l) > 1 && strings.HasSuffix(l[1], ".txt"):
		case l[0] == "" && len(l) > 1:
			unit = l[1]
			require.NotContains(t, rows, unit, "the tables of %s are split", unit)
			rows[unit] = nil
		case len(l) > 1 && l[0] != "geomean":
			rows[unit] = append(rows[unit], l[0])
		}
	}
	return rows
}

// units returns the units that a file must show, with the scenarios that have
// them.
func units(results []Result) map[string][]string {
	all := map[string][]string{}
	for _, r := range results {
		row := fmt.Sprintf("Failover/scenario=%s/sink=wav/frames=256-2", r.Scenario)
		for _, m := range metric.All() {
			for _, c := range columns(r.Processes[0], m) {
				_, tidy := benchunit.Tidy(1, c.Unit)
				all[tidy] = append(all[tidy], row)
			}
		}
	}
	return all
}

func TestBenchstatReadsRunsAloneAndInPairs(t *testing.T) {
	dir := t.TempDir()
	writeBench(t, dir, "old.txt", bench(1))
	writeBench(t, dir, "new.txt", bench(1.2))
	contains(t, filepath.Join("testdata", "runs.txt"), read(t, filepath.Join(dir, "old.txt")), func(line string) []string {
		if !strings.HasPrefix(line, "Benchmark") {
			return []string{line}
		}
		words := strings.Fields(line)
		all := []string{words[0] + " " + words[1]} // name and iterations; then values and their units
		for pair := range slices.Chunk(words[2:], 2) {
			all = append(all, strings.Join(pair, " "))
		}
		return all
	})

	for _, args := range [][]string{{"old.txt"}, {"old.txt", "new.txt"}} {
		text, warnings := benchstat(t, dir, args...)
		require.Empty(t, warnings)
		contains(t, filepath.Join("testdata", fmt.Sprintf("benchstat-%d.txt", len(args))), []byte(text), func(line string) []string {
			return []string{line}
		})
		table, _ := benchstat(t, dir, append([]string{"-format", "csv"}, args...)...)
		require.Equal(t, units(bench(1)), tables(t, table), "one table for each unit, with all the scenarios that have it")
	}
	text, _ := benchstat(t, dir, "-filter", ".unit:detect-p50-sec", "old.txt", "new.txt")
	require.Regexp(t, `\+20\.00% \(p=0\.002 n=6\)`, text)
}

// What the writer keeps out of the files because benchstat cannot handle it:
// each trap is shown to be one.
func TestTheTrapsThatTheWriterAvoids(t *testing.T) {
	dir := t.TempDir()
	text := string(read(t, writeBench(t, dir, "good.txt", bench(1))))
	lines := strings.Split(text, "\n")
	bad := func(name string, change func(string) string) string {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(change(text)), 0o644))
		return name
	}
	t.Run("a zero in ns splits the table", func(t *testing.T) {
		bad("zero.txt", func(s string) string {
			first := regexp.MustCompile(` \S+ detect-p50-ns`)
			at := first.FindStringIndex(s)
			return s[:at[0]] + " 0 detect-p50-ns" + s[at[1]:]
		})
		out, _ := benchstat(t, dir, "-format", "csv", "zero.txt")
		require.Contains(t, out, ",detect-p50-ns,")
		require.Contains(t, out, ",detect-p50-sec,")
		require.NotRegexp(t, ` -?0 \S*-ns\b`, text)

		results := bench(1)
		for i := range results[0].Processes[0].Cycles {
			results[0].Processes[0].Cycles[i].Values[metric.Detect] = 0 // the engine's clock contradicts the harness's
		}
		require.NotRegexp(t, ` -?0 \S*-ns\b`, string(read(t, writeBench(t, dir, "early.txt", results))))
		var b bytes.Buffer
		require.NoError(t, WriteCycles(&b, benchMachine, results))
		require.NotRegexp(t, ` -?0 \S*-ns\b`, b.String())
	})
	t.Run("a config key that differs compares nothing", func(t *testing.T) {
		bad("keyed.txt", func(s string) string { return "commit: abc\n" + s })
		out, _ := benchstat(t, dir, "-filter", ".unit:detect-p50-sec", "good.txt", "keyed.txt")
		require.NotContains(t, out, "p=")
		for _, l := range lines {
			if key, _, ok := strings.Cut(l, ": "); ok && !strings.HasPrefix(l, "Benchmark") {
				require.Contains(t, []string{"goos", "goarch", "pkg", "cpu"}, key)
			}
		}
	})
	t.Run("a cycle in the name makes rows of one", func(t *testing.T) {
		n := 0
		bad("cycles.txt", func(s string) string {
			return regexp.MustCompile(`/frames=256`).ReplaceAllStringFunc(s, func(m string) string { n++; return fmt.Sprintf("%s/cycle=%d", m, n) })
		})
		out, _ := benchstat(t, dir, "-format", "csv", "-filter", ".unit:detect-p50-sec", "cycles.txt")
		require.Len(t, tables(t, out)["detect-p50-sec"], 6)
		require.NotContains(t, text, "cycle")
		require.NotContains(t, text, "/run=")
	})
	t.Run("values of both signs have no interval", func(t *testing.T) {
		bad("signed.txt", func(s string) string { return strings.Replace(s, " 4 abs-drift-ppm", " -4 abs-drift-ppm", 1) })
		out, _ := benchstat(t, dir, "-filter", ".unit:abs-drift-ppm", "signed.txt")
		require.Regexp(t, `± +\?`, out)
		require.NotRegexp(t, ` -\d`, text)
	})
	t.Run("what is not a number is left out", func(t *testing.T) {
		results := bench(1)
		for _, run := range results[0].Processes {
			run.Set(metric.Drift, quantile.Of(nil, 0.5))
		}
		require.NotContains(t, string(read(t, writeBench(t, dir, "nan.txt", results))), "NaN")
	})
}

// Every unit is written as its metric specifies, and read back as it was meant.
func TestUnitsAreReadBack(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, WriteRuns(&b, benchMachine, bench(1)))
	_, meta := readBack(t, b.Bytes())
	for _, m := range metric.All() {
		for _, u := range m.Units() {
			_, tidy := benchunit.Tidy(1, u)
			got, median, ok := metric.Of(tidy)
			require.True(t, ok, u)
			require.Equal(t, m.Name, got.Name)
			require.Equal(t, !strings.Contains(u, "-p99-") || m.Unit == "", median, u)
			require.Equal(t, m.Better, map[int]string{-1: "lower", 1: "higher"}[meta.GetBetter(tidy)], u)
			require.Equal(t, m.Exact, meta.Get(tidy, "assume") != nil, u)
		}
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return text
}

// contains holds what was made to what is committed: all parts of each
// committed line are still there. More may have been made, so that a new metric
// does not touch the committed files.
func contains(t *testing.T, file string, got []byte, parts func(line string) []string) {
	t.Helper()
	made := map[string]int{}
	count := func(text []byte, by int) {
		for line := range strings.Lines(string(text)) {
			for _, part := range parts(strings.TrimSpace(line)) {
				made[strings.TrimSpace(part)] += by
			}
		}
	}
	count(got, 1)
	count(read(t, file), -1)
	for part, n := range made {
		if n < 0 {
			require.NoError(t, os.WriteFile(file+".got", got, 0o644))
			t.Errorf("%q of %s was not made, see %s.got", part, file, file)
		}
	}
}

// golden compares what was made with what is committed; if they differ, it
// leaves what was made beside it.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	want, err := os.ReadFile(file)
	if err == nil && bytes.Equal(got, want) {
		return
	}
	require.NoError(t, os.WriteFile(file+".got", got, 0o644))
	t.Errorf("what was made differs from %s, see %s.got", file, file)
}
