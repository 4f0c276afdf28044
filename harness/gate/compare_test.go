package gate

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/harness/metric"
	"chronus/harness/oracle"
	"chronus/harness/record"
	"chronus/harness/report"
)

// taken returns the engine processes of three scenarios, each value with noise
// of its own of a few percent.
func taken(seed uint64, processes int) []report.Result {
	rng := rand.New(rand.NewPCG(seed, 1))
	noise := func(v float64) float64 { return v * (1 + 0.03*rng.NormFloat64()) }
	var all []report.Result
	for _, scenario := range []string{"kill-primary", "kill-both", "crash-points-player"} {
		r := report.Result{Scenario: scenario}
		for n := range processes {
			run := &report.Run{Scenario: scenario, Run: n + 1, Engine: report.Engine{Sink: "wav", Frames: 256, Rate: 44100}}
			for c := range 5 {
				values := map[string]float64{metric.InjectLate: noise(5e-6)}
				for i, m := range metric.All() {
					if m.Unit == "ns" {
						values[m.Name] = noise(float64(i+1) * 100_000)
					}
				}
				run.Cycles = append(run.Cycles, report.Cycle{Cycle: c + 1, Values: values})
			}
			for _, m := range metric.All() {
				switch {
				case m.Unit != "" || m.Found:
				case m.Name == metric.CallbackP99 || m.Name == metric.CallbackMax || m.Name == metric.Drift:
					run.Set(m.Name, noise(40))
				case m.Name == metric.LateSwitches:
					run.Set(m.Name, float64(rng.IntN(3)))
				default:
					run.Set(m.Name, 0)
				}
			}
			r.Processes = append(r.Processes, run)
		}
		all = append(all, r)
	}
	return all
}

var machine = record.Machine{CPU: "AMD EPYC", Arch: "amd64", CPUs: 2}

func writeRuns(t testing.TB, m record.Machine, results []report.Result) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, report.WriteRuns(&b, m, results))
	return writeText(t, b.String())
}

func writeText(t testing.TB, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), report.RunsFile)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	return file
}

// times multiplies a metric of a scenario's processes by a factor.
func times(runs []*report.Run, name string, factor float64) {
	for _, run := range runs {
		for _, c := range run.Cycles {
			if v, ok := c.Values[name]; ok {
				c.Values[name] = v * factor
			}
		}
		if v, ok := run.Values[name]; ok {
			run.Set(name, v*factor)
		}
	}
}

func TestIdenticalRevisionsPass(t *testing.T) {
	file := writeRuns(t, machine, taken(1, 10))
	c, err := Compare(file, filepath.Dir(file), MinRuns)
	require.NoError(t, err)
	require.Empty(t, c.Failures)
	require.Empty(t, c.Notes)
	require.NotEmpty(t, c.Changes)
}

// Of a hundred comparisons of a revision with itself, with new noise each time,
// at most one in twenty may fail. The noise is the same in every run of this
// test.
func TestNoiseAloneHardlyEverFails(t *testing.T) {
	const trials = 100
	alarms := 0
	for n := range trials {
		c, err := Compare(writeRuns(t, machine, taken(uint64(2*n+10), 10)), writeRuns(t, machine, taken(uint64(2*n+11), 10)), MinRuns)
		require.NoError(t, err)
		if len(c.Failures) > 0 {
			alarms++
		}
	}
	require.LessOrEqual(t, alarms, trials/20)
}

// A gate that cannot fail is a defect: each rule is planted.
func TestPlantedRegressionsFail(t *testing.T) {
	const row = "Failover/scenario=kill-primary/sink=wav/frames=256-2"
	for _, tc := range []struct {
		name  string
		plant func(old, new []report.Result)
		want  []string // parts of the one failure; none: it passes
	}{
		{"a fifth slower", func(_, new []report.Result) { times(new[0].Processes, metric.Detect, 1.2) }, []string{row + ": detect-p50-sec was ", "at most 10 % (p=0.000 n=10)"}},
		{"slower, within what is allowed", func(_, new []report.Result) { times(new[0].Processes, metric.Detect, 1.06) }, nil},
		{"faster", func(_, new []report.Result) { times(new[0].Processes, metric.Detect, 0.5) }, nil},
		{"a slow callback", func(_, new []report.Result) { times(new[0].Processes, metric.CallbackP99, 1.5) }, []string{"callback-p99-sec was "}},
		{"what is the machine's", func(_, new []report.Result) { times(new[0].Processes, metric.FloorPidfd, 3) }, nil},
		{"one frame lost by one process", func(_, new []report.Result) { new[0].Processes[7].Set(metric.LostFrames, 1) }, []string{row + ": lost-frames is 1, at most 0, in 1 of 10 engine processes"}},
		{"lost in both", func(old, new []report.Result) {
			for i := range old[0].Processes {
				old[0].Processes[i].Set(metric.LostFrames, 256)
				new[0].Processes[i].Set(metric.LostFrames, 256)
			}
		}, []string{"lost-frames is 256, at most 0, in 10 of 10"}},
		{"what the scenario allows", func(_, new []report.Result) { new[2].Processes[7].Set(metric.LostFrames, 5*256) }, nil},
		{"more than the scenario allows", func(_, new []report.Result) { new[2].Processes[7].Set(metric.LostFrames, 5*256+1) }, []string{"lost-frames is 1281, at most 1280"}},
		{"what was 0 is 3, as many as there may be", func(_, new []report.Result) {
			for _, run := range new[1].Processes {
				run.Set(metric.LeakedThreads, 3)
			}
		}, []string{"leaked-threads was 0.000 and is 3.000 (p=0.000 n=10)"}},
		{"a thread in one process", func(_, new []report.Result) { new[1].Processes[0].Set(metric.LeakedThreads, 1) }, nil},
		{"threads here and there on both sides", func(old, new []report.Result) {
			for i := range 10 {
				old[1].Processes[i].Set(metric.LeakedThreads, float64(i/6))
				new[1].Processes[i].Set(metric.LeakedThreads, float64(i/4))
			}
		}, nil},
		{"what was 0 is not, and differs from process to process", func(old, new []report.Result) {
			for i := range new[1].Processes {
				old[1].Processes[i].Set(metric.LateSwitches, 0)
				new[1].Processes[i].Set(metric.LateSwitches, float64(i+1))
			}
		}, []string{"late-switches was 0.000 and is 5.500 (p=0.000 n=10)"}},
		{"a row is missing", func(_, new []report.Result) { new[0].Processes = nil }, []string{row + ": is missing"}},
		{"a unit is missing", func(_, new []report.Result) {
			for _, run := range new[0].Processes {
				delete(run.Values, oracle.WrongFrames)
			}
		}, []string{row + ": wrong-frames is missing"}},
		{"a process without the figure", func(_, new []report.Result) {
			for _, c := range new[0].Processes[4].Cycles {
				delete(c.Values, metric.Promote)
			}
		}, []string{"9 engine processes in ", "have promote-p50-sec, at least 10 must"}},
		{"too few new processes", func(_, new []report.Result) { new[0].Processes = new[0].Processes[:9] }, []string{row + ": 9 engine processes in ", "at least 10 are needed"}},
		{"too few old processes", func(old, _ []report.Result) { old[0].Processes = old[0].Processes[:9] }, []string{row + ": 9 engine processes in "}},
		{"something new", func(old, _ []report.Result) { old[0].Processes = nil }, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			old, new := taken(3, 10), taken(4, 10)
			tc.plant(old, new)
			c, err := Compare(writeRuns(t, machine, old), writeRuns(t, machine, new), MinRuns)
			require.NoError(t, err)
			var out strings.Builder
			require.NoError(t, c.WriteText(&out))
			if tc.want == nil {
				require.Empty(t, c.Failures)
				require.Contains(t, out.String(), "PASS")
				return
			}
			require.Len(t, c.Failures, 1)
			for _, part := range tc.want {
				require.Contains(t, c.Failures[0], part)
			}
			require.Contains(t, out.String(), c.Failures[0]+"\nFAIL\n")
		})
	}
}

func TestAnotherMachineIsNotCompared(t *testing.T) {
	other := machine
	other.CPU = "Intel"
	c, err := Compare(writeRuns(t, machine, taken(3, 10)), writeRuns(t, other, taken(4, 10)), MinRuns)
	require.NoError(t, err)
	require.Len(t, c.Failures, 3)
	require.Contains(t, c.Failures[0], "was taken on another machine or system")
	require.Empty(t, c.Changes)
}

// With --min-runs 3, a time that is ten times as long passes, but a note says
// why.
func TestTooFewProcessesToShowAnythingAreNoted(t *testing.T) {
	old, new := taken(3, 3), taken(4, 3)
	times(new[0].Processes, metric.Detect, 10)
	c, err := Compare(writeRuns(t, machine, old), writeRuns(t, machine, new), 3)
	require.NoError(t, err)
	require.Empty(t, c.Failures)
	require.Len(t, c.Notes, 1)
	require.Contains(t, c.Notes[0], "so few engine processes cannot show that a time got worse: the least p that they can have is 0.1")
}

func TestUnitsOfOtherVersionsAreShownAndNotJudged(t *testing.T) {
	text := func(v int) string {
		var b strings.Builder
		for range 10 {
			fmt.Fprintf(&b, "BenchmarkFailover/scenario=kill-primary 34 %d bananas\n", v)
		}
		return b.String()
	}
	c, err := Compare(writeText(t, text(1)), writeText(t, text(9)), MinRuns)
	require.NoError(t, err)
	require.Empty(t, c.Failures)
	require.Equal(t, "bananas", c.Changes[0].Unit)
	all := strings.ReplaceAll(text(1), "bananas", "bananas 1 apples")
	c, err = Compare(writeText(t, all), writeText(t, text(9)), MinRuns)
	require.NoError(t, err)
	require.Equal(t, []string{"Failover/scenario=kill-primary: apples is missing"}, c.Failures)
	some := text(1) + "BenchmarkFailover/scenario=kill-primary 34 1 bananas 1 apples\n"
	c, err = Compare(writeText(t, some), writeText(t, text(9)), MinRuns)
	require.NoError(t, err)
	require.Empty(t, c.Failures, "only what must be there can be missing")
	require.Len(t, c.Notes, 1)
}

// TestACommitComparedWithItselfLacksNothing draws 10 of 60 engine processes of
// one commit against 10 others, many times. Most had no xrun, and many no
// worker that was started because no spare was ready.
func TestACommitComparedWithItselfLacksNothing(t *testing.T) {
	const processes, draws = 60, 200
	rng := rand.New(rand.NewPCG(60, 200))
	pool := taken(60, processes)[:1]
	for _, run := range pool[0].Processes {
		if rng.IntN(8) == 0 {
			run.Set(metric.Xruns, 1+float64(rng.IntN(2)))
			run.Set(metric.XrunTime, rng.Float64()/10)
		}
		if rng.IntN(6) == 0 {
			for _, c := range run.Cycles {
				delete(c.Values, metric.FirstBlock)
			}
		}
		if rng.IntN(2) == 0 {
			delete(run.Values, metric.FailoverCallMax)
		}
	}
	whole, err := readRevision(writeRuns(t, machine, pool))
	require.NoError(t, err)
	require.Len(t, whole.sample(cell{whole.rows[0], metric.Xruns}), processes, "an engine without an xrun has 0 of them")
	for range draws {
		order := rng.Perm(processes)
		side := func(from int) *revision {
			r := report.Result{Scenario: pool[0].Scenario}
			for _, i := range order[from : from+10] {
				r.Processes = append(r.Processes, pool[0].Processes[i])
			}
			rev, err := readRevision(writeRuns(t, machine, []report.Result{r}))
			require.NoError(t, err)
			return rev
		}
		for _, failure := range compare(side(0), side(10), nil, MinRuns).Failures {
			require.NotContains(t, failure, "missing")
			require.NotContains(t, failure, "engine processes in")
		}
	}
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	good := writeRuns(t, machine, taken(3, 10))
	text, err := os.ReadFile(good)
	require.NoError(t, err)
	for _, tc := range []struct{ name, file, want string }{
		{"no file", filepath.Join(t.TempDir(), "none.txt"), "no such file"},
		{"a folder without one", t.TempDir(), "runs.txt: no such file"},
		{"empty", writeText(t, ""), "it is empty"},
		{"cut off", writeText(t, string(text[:len(text)-5])), "its last line is cut off"},
		{"no results", writeText(t, "goos: linux\n"), "no results in it"},
		{"a malformed line", writeText(t, string(text)+"BenchmarkFailover/scenario=x many 1 lost-frames\n"), "runs.txt:"},
		{"a malformed value", writeText(t, string(text)+"BenchmarkFailover/scenario=x 34 much lost-frames\n"), "runs.txt:"},
		{"not a number", writeText(t, string(text)+"BenchmarkFailover/scenario=x 34 NaN lost-frames\n"), "runs.txt: Failover/scenario=x has NaN lost-frames"},
		{"contradicting units", writeText(t, string(text)+"Unit lost-frames better=higher\n"), "runs.txt:"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, pair := range [][2]string{{tc.file, good}, {good, tc.file}} {
				_, err := Compare(pair[0], pair[1], MinRuns)
				require.ErrorContains(t, err, tc.want)
				require.NotContains(t, err.Error(), "\n")
			}
		})
	}
}

func FuzzReadRevision(f *testing.F) {
	f.Add([]byte("Unit detect-p50-ns better=lower\ngoos: linux\nBenchmarkFailover/scenario=a/sink=wav-2 34 250 detect-p50-ns 0 lost-frames\n"))
	f.Add([]byte("BenchmarkA 1 1 ns/op\nUnit ns/op better=lower\nUnit x assume=exact\nBenchmarkA 1 NaN x\nBenchmarkA 1 -Inf x\n"))
	file := filepath.Join(f.TempDir(), "runs.txt")
	f.Fuzz(func(t *testing.T, text []byte) {
		require.NoError(t, os.WriteFile(file, text, 0o644))
		side, err := readRevision(file)
		if err != nil {
			require.NotEmpty(t, strings.TrimSpace(err.Error()))
			return
		}
		require.NoError(t, compare(side, side, nil, 1).WriteText(new(strings.Builder)))
	})
}
