package harness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chronus/harness/floor"
	"chronus/harness/gate"
	"chronus/harness/metric"
	"chronus/harness/oracle"
	"chronus/harness/play"
	"chronus/harness/record"
	"chronus/harness/record/recordtest"
	"chronus/harness/report"
	"chronus/harness/scenario"
	"chronus/harness/schedule"
)

// The test binary is also the fake engine and the floor process.
func TestMain(m *testing.M) {
	os.Setenv("GORACE", "atexit_sleep_ms=0") // of the processes started below
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "run":
			os.Exit(fakeMain(os.Args[2:]))
		case "serve-floor":
			if err := floor.Serve(os.Stdin, os.Stdout); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

const fakeScenario = recordtest.Text

type quiet struct{ cycles, results int }

func (*quiet) Scenario(*scenario.Scenario, int) {}
func (q *quiet) Cycle(int, int, bool)           { q.cycles++ }
func (*quiet) Checking()                        {}
func (q *quiet) Result(*report.Result)          { q.results++ }

// verifyFake runs a scenario against the fake engine with a bug.
func verifyFake(t *testing.T, bug, text string) (*report.Summary, Config) {
	t.Helper()
	cfg := fakeConfig(t, bug, text)
	sum, err := Verify(context.Background(), cfg)
	require.NoError(t, err)
	return sum, cfg
}

func fakeConfig(t *testing.T, bug, text string) Config {
	t.Helper()
	t.Setenv("FAKE_BUG", bug)
	self, err := os.Executable()
	require.NoError(t, err)
	bin := t.TempDir()
	require.NoError(t, os.Symlink(self, filepath.Join(bin, "chronus")))
	s, err := scenario.Parse("fake.toml", []byte(text))
	require.NoError(t, err)
	return Config{
		Scenarios: []*scenario.Scenario{s}, Profile: "quick", Seed: 7, Out: t.TempDir(), Engine: bin,
		Floor: []string{self, "serve-floor"}, Progress: &quiet{},
	}
}

func failed(sum *report.Summary) (names []string) {
	for _, f := range sum.Failures {
		names = append(names, f.Assertion)
	}
	return names
}

func TestAGoodEnginePasses(t *testing.T) {
	sum, cfg := verifyFake(t, "", fakeScenario)
	require.Empty(t, sum.Failures)
	require.Equal(t, report.Pass, sum.Verdict)
	r := sum.Scenarios[0]
	require.Equal(t, 6, r.Cycles)
	require.Equal(t, 6, r.Phases["rendering"])
	require.Equal(t, &quiet{cycles: 6, results: 1}, cfg.Progress)

	run := r.Processes[0]
	for _, name := range []string{
		metric.Detect, metric.Exit, metric.Failover, metric.Switch, metric.Promote, metric.Spawn, metric.Mend, metric.FloorPidfd,
		metric.InjectLate, metric.DetectSeen, metric.SwitchSeen, metric.PromoteSeen, metric.SpawnSeen, metric.MendSeen,
	} {
		require.Len(t, run.Samples(name), 6, name)
		for _, v := range run.Samples(name) {
			require.GreaterOrEqual(t, v, 0.0, name)
		}
	}
	for _, c := range run.Cycles {
		for _, name := range []string{metric.Detect, metric.Promote, metric.Spawn, metric.Mend} {
			require.LessOrEqual(t, c.Values[name], c.Values[name+"-seen"], "%s is within what was seen from outside", name)
		}
	}
	require.NotEmpty(t, run.Samples(metric.Command), "commands were heard")
	for _, m := range metric.All() {
		if m.Judged() && m.Source != metric.Heard && m.Name != oracle.ClosedForm && m.Name != metric.Truth && m.Name != metric.Drift {
			_, measured := run.Value(m.Name)
			require.True(t, measured || m.Found, "%s was not measured", m.Name)
		}
	}
	require.NoFileExists(t, filepath.Join(cfg.Out, failuresDir))
	require.NoFileExists(t, filepath.Join(cfg.Out, keptDir))
}

func TestMoreAreKilledUntilEnoughHaveBeenRendering(t *testing.T) {
	sum, _ := verifyFake(t, "", fakeScenario+"[judge]\nmin_rendering = 7\n")
	require.Equal(t, report.Pass, sum.Verdict)
	require.Equal(t, 2, sum.Scenarios[0].Runs)
	require.Equal(t, 12, sum.Scenarios[0].Phases["rendering"])

	sum, _ = verifyFake(t, "", fakeScenario+"[judge]\nmin_rendering = 13\n")
	require.Equal(t, report.NoVerdict, sum.Verdict, "but no more than twice as many")
	require.Equal(t, 12, sum.Scenarios[0].Cycles)
}

// Each bug must be caught, and for the right reason. They are those that only
// show if play writes down what it saw; what is made of a record is tested in
// package judge.
func TestEveryBugIsCaught(t *testing.T) {
	for _, tc := range []struct{ bug, assertion string }{
		{"lose a block", metric.LostFrames},
		{"drop a command", oracle.CommandsLost},
		{"reuse a ring", metric.RingReuse},
		{"leak", metric.LeakedFDs},
		{"kill a healthy one", metric.UnorderedDeaths},
		{"leave a process", metric.Leftovers},
		{"exit code", metric.EngineErrors},
		{"allocate", metric.Allocs},
	} {
		t.Run(tc.bug, func(t *testing.T) {
			sum, cfg := verifyFake(t, tc.bug, fakeScenario)
			require.Equal(t, report.Fail, sum.Verdict)
			require.Contains(t, failed(sum), tc.assertion)
			f := sum.Failures[slices.Index(failed(sum), tc.assertion)]
			require.NotEmpty(t, f.Detail)
			if tc.assertion == metric.LostFrames {
				require.Regexp(t, `^run 1(, cycle \d+)?: blocks 30 to 30$`, f.Detail[0])
			}
			require.Equal(t, []string{filepath.Join(cfg.Out, failuresDir, "fake-1")}, f.Kept)
			require.Equal(t, "bin/chronus verify --profile quick --run '^fake$' --seed 7", f.Repeat)
			for _, name := range []string{"session.tape", "sound.wav", "engine.log", record.File} {
				require.FileExists(t, filepath.Join(cfg.Out, failuresDir, "fake-1", name))
			}
		})
	}
}

// This holds at any speed of the machine: a hundred engines, each of which
// plays for longer, are not started and stopped within a second.
func TestWhatIsNotReachedInTimeIsReportedAndNotMissing(t *testing.T) {
	sum, _ := verifyFake(t, "", strings.Replace(fakeScenario, "processes = 1\ncycles = 6", "processes = 100\ncycles = 6\nminutes = 0.02", 1))
	require.Empty(t, sum.Failures)
	r := sum.Scenarios[0]
	require.Equal(t, report.Pass, r.Verdict)
	require.Less(t, r.Runs, 100, "no engine is started when the time is up")
	require.Equal(t, fmt.Sprintf("%d of 600 faults in 0.02 minutes", r.Cycles), r.Reached)
	require.InDelta(t, float64(r.Cycles)/r.Seconds, r.PerSecond, 1e-9)
	var table strings.Builder
	require.NoError(t, report.WriteTable(&table, sum))
	require.Contains(t, table.String(), "the time was up: "+r.Reached)
}

func TestAnEngineThatDoesNotMendEndsItsRun(t *testing.T) {
	sum, _ := verifyFake(t, "never mend", fakeScenario)
	require.Equal(t, report.Fail, sum.Verdict)
	require.Contains(t, failed(sum), metric.EngineErrors)
	require.Contains(t, sum.Failures[slices.Index(failed(sum), metric.EngineErrors)].Detail[0], "run 1, cycle 1: not mended: not whole")
	require.Zero(t, sum.Scenarios[0].Cycles)
}

func TestNothingHappensInNone(t *testing.T) {
	none := strings.Replace(fakeScenario, "kind = \"kill\"\ntarget = \"primary\"", `kind = "none"`, 1)
	none = none[:strings.Index(none, "[expect]")]
	sum, _ := verifyFake(t, "", none)
	require.Empty(t, sum.Failures)
	require.Equal(t, report.Pass, sum.Verdict)
}

func TestAnEngineThatDoesNotStartFails(t *testing.T) {
	bin := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bin, "chronus"), []byte("#!/bin/sh\necho no such patch >&2\nexit 2\n"), 0o755))
	s, err := scenario.Parse("fake.toml", []byte(fakeScenario))
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	sum, err := Verify(context.Background(), Config{
		Scenarios: []*scenario.Scenario{s}, Profile: "quick", Out: t.TempDir(), Engine: bin,
		Floor: []string{self, "serve-floor"}, Progress: &quiet{},
	})
	require.NoError(t, err)
	require.Equal(t, []string{metric.Truth, metric.EngineErrors}, failed(sum))
	require.Contains(t, sum.Failures[1].Detail[0], "no such patch")
}

func TestCancelledVerificationHasNoVerdict(t *testing.T) {
	t.Setenv("FAKE_BUG", "")
	self, err := os.Executable()
	require.NoError(t, err)
	bin := t.TempDir()
	require.NoError(t, os.Symlink(self, filepath.Join(bin, "chronus")))
	s, err := scenario.Parse("fake.toml", []byte(strings.ReplaceAll(fakeScenario, "cycles = 6", "cycles = 100000")))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(500*time.Millisecond, cancel)
	second := *s
	second.Name = "second"
	sum, err := Verify(ctx, Config{
		Scenarios: []*scenario.Scenario{s, &second}, Profile: "quick", Count: 20, Out: t.TempDir(), Engine: bin,
		Floor: []string{self, "serve-floor"}, Progress: &quiet{},
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, report.NoVerdict, sum.Verdict)
	require.Equal(t, "interrupted", sum.Why)
	require.Len(t, sum.Scenarios, 2)
	for _, r := range sum.Scenarios {
		require.Equal(t, report.NotRun, r.Verdict)
		require.Equal(t, "interrupted", r.Why)
	}
}

func TestMistakesAreUsageErrors(t *testing.T) {
	s, err := scenario.Parse("fake.toml", []byte(fakeScenario))
	require.NoError(t, err)
	for _, tc := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"nothing to do", Config{}, "verify: no scenario matches"},
		{"no engine", Config{Scenarios: []*scenario.Scenario{s}, Engine: "/nonexistent"}, "verify: no engine: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Verify(context.Background(), tc.cfg)
			var usage *UsageError
			require.ErrorAs(t, err, &usage)
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestWhatCannotRunSaysWhy(t *testing.T) {
	bin := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bin, "chronus"), nil, 0o755))
	crash, err := scenario.Parse("fake.toml", []byte(fakeScenario))
	require.NoError(t, err)
	loud := *crash
	crash.Fault = scenario.Fault{Kind: "crash", Target: "primary", Points: "."}
	loud.Needs = []string{scenario.NeedPortAudio}
	cfg := Config{Scenarios: []*scenario.Scenario{crash, &loud}, Profile: "quick", Out: t.TempDir(), Engine: bin, Progress: &quiet{}}
	for _, all := range []bool{false, true} {
		cfg.All = all
		sum, err := Verify(context.Background(), cfg)
		require.NoError(t, err)
		require.Equal(t, report.NotRun, sum.Scenarios[0].Verdict)
		require.Equal(t, report.NotRun, sum.Scenarios[1].Verdict)
		require.Contains(t, sum.Scenarios[0].Why, "needs failpoints: stat "+bin)
		require.Contains(t, sum.Scenarios[1].Why, "needs portaudio: stat "+bin)
		if all {
			require.Equal(t, []string{gate.RequireAll, gate.RequireAll}, failed(sum))
		} else {
			require.Equal(t, report.NoVerdict, sum.Verdict)
		}
	}

	// What the kernel grants is up to the kernel: the answer must be what a
	// thread of this process experiences.
	loud.Needs = []string{scenario.NeedFifo}
	granted := make(chan bool)
	go func() { runtime.LockOSThread(); granted <- schedule.Fifo(0, 1) }()
	require.Equal(t, <-granted, play.Missing(&loud, bin) == "")
	loud.Needs = []string{scenario.NeedPortAudio}
	require.NoError(t, os.WriteFile(filepath.Join(bin, "chronus-portaudio"), nil, 0o755))
	t.Setenv("PATH", t.TempDir())
	require.Equal(t, "needs portaudio: pulseaudio is not on PATH (make deps installs it)", play.Missing(&loud, bin))
	loud.Needs = nil
	require.Empty(t, play.Missing(&loud, bin))
}
