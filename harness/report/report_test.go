package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/perf/benchfmt"

	"chronus/harness/metric"
	"chronus/harness/oracle"
	"chronus/harness/record"
)

const blockNS = 5_804_988

// commands returns the series of commands with some latencies (ns).
func commands(ns ...float64) map[string][]float64 {
	all := map[string][]float64{metric.Command: ns}
	for _, v := range ns {
		all[metric.CommandIn] = append(all[metric.CommandIn], v/blockNS)
	}
	return all
}

// planted returns a scenario of two engine processes.
func planted() Result {
	r := Result{Scenario: "kill-primary", Verdict: Pass, Runs: 2, Bound: Bound(0, 4)}
	for i := range 2 {
		run := &Run{
			Scenario: r.Scenario, Run: i + 1, Series: commands(17e6, 18e6),
			Engine: Engine{Sink: "wav", Frames: 256, Rate: 44100, BlockNS: 5_804_988},
		}
		for c := range 2 {
			run.Cycles = append(run.Cycles, Cycle{
				Cycle: c + 1, Phase: "rendering", KillNS: 5e9, DueNS: 5e9 - 4000,
				Values: map[string]float64{metric.Detect: 250_000, metric.FloorPidfd: 500_000, metric.Failover: 4.1e6, metric.Mend: 31e6, metric.InjectLate: 4e-6},
			})
			r.Cycles++
		}
		run.Set(metric.LostFrames, 0)
		run.Set(oracle.WrongFrames, 0)
		run.Set(oracle.ReplicasDisagree, 0)
		run.Set(metric.XrunTime, 0)
		r.Processes = append(r.Processes, run)
	}
	return r
}

var machine = record.Machine{CPU: "AMD EPYC", CPUs: 2}

// readBack reads benchfmt text and fails on anything that its reader rejects.
func readBack(t *testing.T, text []byte) (results []*benchfmt.Result, units benchfmt.UnitMetadataMap) {
	t.Helper()
	r := benchfmt.NewReader(bytes.NewReader(text), "test")
	for r.Scan() {
		switch rec := r.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Errorf("%v", rec)
		case *benchfmt.Result:
			results = append(results, rec.Clone())
		}
	}
	require.NoError(t, r.Err())
	return results, r.Units()
}

func TestRunsAreReadBackWithoutAWarning(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, WriteRuns(&b, machine, []Result{planted()}))
	results, units := readBack(t, b.Bytes())
	require.Len(t, results, 2)
	r := results[0]
	require.Regexp(t, `^Failover/scenario=kill-primary/sink=wav/frames=256(-\d+)?$`, r.Name.String())
	require.Equal(t, 2, r.Iters)
	require.Equal(t, "chronus/scenarios", r.GetConfig("pkg"))
	require.Equal(t, "AMD EPYC", r.GetConfig("cpu"))

	v, ok := r.Value("detect-p50-sec")
	require.True(t, ok, "ns is tidied to sec")
	require.InDelta(t, 250e-6, v, 1e-12)
	v, ok = r.Value("lost-frames")
	require.True(t, ok)
	require.Zero(t, v)
	v, ok = r.Value("event-errors")
	require.True(t, ok, "no finding is 0")
	require.Zero(t, v)
	_, ok = r.Value("closed-form")
	require.False(t, ok, "what was not measured is not 0")
	_, ok = r.Value("promote-p50-sec")
	require.False(t, ok, "a metric without samples has no column")

	require.Equal(t, -1, units.GetBetter("detect-p50-ns"))
	require.Equal(t, "exact", units.Get("lost-frames", "assume").Value)
	require.Nil(t, units.Get("detect-p50-ns", "assume"))
}

func TestCyclesAreReadBackWithoutAWarning(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, WriteCycles(&b, machine, []Result{planted()}))
	results, _ := readBack(t, b.Bytes())
	require.Len(t, results, 4)
	require.Regexp(t, `/frames=256/phase=rendering(-\d+)?$`, results[3].Name.String())
	run, _ := results[3].Value("run")
	cycle, _ := results[3].Value("cycle")
	require.Equal(t, []float64{2, 2}, []float64{run, cycle})
}

// benchstat leaves a 0 in ns untidied, in a table of its own: what can be 0
// must have another unit.
func TestNoZeroIsWrittenInNanoseconds(t *testing.T) {
	for _, m := range metric.All() {
		if strings.HasSuffix(m.Name, "-ns") || m.Unit == "ns" {
			require.False(t, m.Judged() && m.Limit == 0, m.Name)
		}
	}
	var b bytes.Buffer
	require.NoError(t, WriteRuns(&b, machine, []Result{planted()}))
	require.NotRegexp(t, regexp.MustCompile(` 0 \S*-ns\b`), b.String())
}

// An engine process that did not complete its first cycle has no line, and does
// not spoil the others.
func TestARunWithoutCyclesHasNoLine(t *testing.T) {
	r := planted()
	r.Processes[0].Cycles = nil
	var b bytes.Buffer
	require.NoError(t, WriteRuns(&b, machine, []Result{r}))
	results, _ := readBack(t, b.Bytes())
	require.Len(t, results, 1)
}

func TestWhatIsShownAtAGlanceIsMeasured(t *testing.T) {
	for _, g := range glance {
		_, ok := metric.Lookup(g.name)
		require.True(t, ok, g.name)
	}
	for _, name := range drawn {
		m, ok := metric.Lookup(name)
		require.True(t, ok && m.Unit != "", name)
	}
}

func TestBound(t *testing.T) {
	require.Equal(t, "0/204: loss below 1.5 % (95 %)", Bound(0, 204))
	require.Equal(t, "0/200: loss below 1.5 % (95 %)", Bound(0, 200))
	require.Equal(t, "0/12: loss below 22 % (95 %)", Bound(0, 12))
	require.Equal(t, "3/204", Bound(3, 204))
	require.Equal(t, "0/0", Bound(0, 0))
}

func summary() *Summary {
	bad := planted()
	bad.Scenario, bad.Verdict, bad.Bound = "kill-both", Fail, "1/4"
	bad.Processes[1].Set(metric.LostFrames, 256)
	f := Failure{
		Scenario: "kill-both", Assertion: metric.LostFrames, Count: 256, Detail: []string{"run 2, cycle 1: block 70 to 70"},
		Repeat: "chronus verify --run '^kill-both$' --seed 7", Kept: []string{"results/latest/failures/kill-both-2"},
	}
	bad.Failures = []Failure{f}
	return &Summary{Verdict: Fail, Profile: "quick", Seed: 7, Seconds: 12.4, Scenarios: []Result{planted(), bad}, Failures: []Failure{f}}
}

func TestTable(t *testing.T) {
	s := summary()
	s.Scenarios = append(s.Scenarios, Omitted("loud", "needs portaudio: no device", ""))
	var b bytes.Buffer
	require.NoError(t, WriteTable(&b, s))
	golden(t, filepath.Join("testdata", "table.txt"), b.Bytes())
}

func TestWriteDirWritesItsFiles(t *testing.T) {
	dir := t.TempDir()
	meta := NewMeta(record.Build{Commit: "abc123"}, record.Machine{CPU: "AMD EPYC", Kernel: "6.1"}, "quick", 7)
	s := summary()
	meta.Realise(s.Scenarios)
	require.NoError(t, WriteDir(dir, meta, s))
	for _, name := range []string{"runs.txt", "cycles.txt", "meta.json", "verdict.json", "junit.xml"} {
		require.FileExists(t, filepath.Join(dir, name))
	}
	defer func() {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "mine.txt"), nil, 0o644))
		require.NoError(t, Clear(dir))
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, left, 1, "and what is not of a verification stays")
	}()
	text, err := os.ReadFile(filepath.Join(dir, "verdict.json"))
	require.NoError(t, err)
	var v struct {
		Verdict  string
		Failures []struct {
			Scenario, Assertion, Repeat string
			Count                       float64
			Detail                      []string
		}
		Scenarios []struct{ Scenario, Verdict, Bound string }
	}
	require.NoError(t, json.Unmarshal(text, &v))
	require.Equal(t, "fail", v.Verdict)
	require.Equal(t, "lost-frames", v.Failures[0].Assertion)
	require.Equal(t, "chronus verify --run '^kill-both$' --seed 7", v.Failures[0].Repeat)
	require.Equal(t, "pass", v.Scenarios[0].Verdict)

	text, err = os.ReadFile(filepath.Join(dir, "meta.json"))
	require.NoError(t, err)
	var m Meta
	require.NoError(t, json.Unmarshal(text, &m))
	require.Equal(t, uint64(7), m.Seed)
	require.Len(t, m.Schedule, 4)
	require.NotEmpty(t, m.Machine.CPU)
	require.NotEmpty(t, m.Machine.Kernel)
	require.Equal(t, "other", m.Scheduling)

	require.Error(t, WriteDir(filepath.Join(dir, "none"), meta, s))
}
