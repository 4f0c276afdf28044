package harness

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/control"
	"chronus/harness/metric"
	"chronus/harness/record"
	"chronus/harness/record/recordtest"
	"chronus/harness/report"
	"chronus/harness/scenario"
)

// again judges what a verification kept.
func again(cfg Config) (*report.Summary, *record.Header, error) {
	return Judge(context.Background(), Again{
		Dir: cfg.Out, Scenarios: cfg.Scenarios, Match: regexp.MustCompile(""), Progress: cfg.Progress,
	})
}

// timeless is a result as JSON, without how long it took and where it was kept.
func timeless(t *testing.T, r report.Result) string {
	t.Helper()
	r.Seconds, r.PerSecond = 0, 0
	r.Failures = slices.Clone(r.Failures)
	for i := range r.Failures {
		r.Failures[i].Kept = nil
	}
	text, err := json.Marshal(r)
	require.NoError(t, err)
	return string(text)
}

func TestAKeptRecordIsJudgedAsItWasPlayed(t *testing.T) {
	for _, bug := range []string{"", "lose a block", "leave a process"} {
		t.Run(bug, func(t *testing.T) {
			cfg := fakeConfig(t, bug, fakeScenario)
			cfg.Keep = true
			played, err := Verify(context.Background(), cfg)
			require.NoError(t, err)
			judged, header, err := again(cfg)
			require.NoError(t, err)
			require.Equal(t, played.Verdict, judged.Verdict)
			require.Equal(t, timeless(t, played.Scenarios[0]), timeless(t, judged.Scenarios[0]))
			require.Equal(t, played.Scenarios[0].Processes, judged.Scenarios[0].Processes)
			require.Equal(t, uint64(7), header.Seed)
		})
	}
}

// keptClean is the record of a clean engine process as it would have been kept.
func keptClean(t *testing.T) (cfg Config, rec *record.Record, dir string) {
	t.Helper()
	cfg = Config{Scenarios: []*scenario.Scenario{recordtest.Scenario(t)}, Out: t.TempDir(), Progress: &quiet{}}
	dir = filepath.Join(cfg.Out, keptDir, "fake-1")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	rec = recordtest.Clean(t, dir, 3)
	rewrite(t, rec, dir)
	return cfg, rec, dir
}

func rewrite(t *testing.T, rec *record.Record, dir string) {
	t.Helper()
	path := filepath.Join(dir, record.File)
	if err := os.Remove(path); err != nil {
		require.ErrorIs(t, err, os.ErrNotExist)
	}
	require.NoError(t, rec.Write(path))
}

func TestAnEditedRecordHasAnotherVerdict(t *testing.T) {
	cfg, rec, dir := keptClean(t)
	sum, _, err := again(cfg)
	require.NoError(t, err)
	require.Empty(t, sum.Failures)
	require.Equal(t, report.Pass, sum.Verdict)

	i := slices.IndexFunc(rec.Events, func(e record.Event) bool { return e.Kind == control.Switched })
	rec.Events = slices.Delete(rec.Events, i, i+1)
	rewrite(t, rec, dir)
	sum, _, err = again(cfg)
	require.NoError(t, err)
	require.Equal(t, report.Fail, sum.Verdict)
	require.Equal(t, []string{metric.EventErrors, metric.StatusErrors}, failed(sum))
	require.Equal(t, []string{dir}, sum.Failures[0].Kept)
	require.Equal(t, rec.Repeat, sum.Failures[0].Repeat)
}

func TestWhatCannotBeJudgedAgainIsOneClearLine(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(t *testing.T, cfg *Config, rec *record.Record, dir string)
		want string
	}{
		{"no folder", func(t *testing.T, cfg *Config, _ *record.Record, _ string) { cfg.Out = "/nonexistent" }, "no such file or directory"},
		{"no record", func(t *testing.T, cfg *Config, _ *record.Record, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, record.File)))
		}, "verify: no record (record.jsonl.gz) of such a scenario below "},
		{"another scenario", func(t *testing.T, cfg *Config, rec *record.Record, dir string) {
			rec.Scenario = "gone"
			rewrite(t, rec, dir)
		}, `this build has no scenario "gone" in profile "quick"`},
		{"a part that is gone", func(t *testing.T, cfg *Config, rec *record.Record, dir string) {
			rec.Cycles[0].Fault = "gone"
			rewrite(t, rec, dir)
		}, `judge: cycle 1: scenario: fake: "gone" is not part of it`},
		{"no tape", func(t *testing.T, cfg *Config, rec *record.Record, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "session.tape")))
		}, "record.jsonl.gz: a file of the record is missing: stat "},
		{"a damaged record", func(t *testing.T, cfg *Config, rec *record.Record, dir string) {
			require.NoError(t, os.Truncate(filepath.Join(dir, record.File), 200))
		}, "cut off or damaged"},
		{"the same run twice", func(t *testing.T, cfg *Config, rec *record.Record, dir string) {
			require.NoError(t, os.CopyFS(dir+"-copy", os.DirFS(dir)))
		}, "are both run 1 of scenario fake"},
		{"two verifications", func(t *testing.T, cfg *Config, rec *record.Record, dir string) {
			require.NoError(t, os.CopyFS(dir+"-copy", os.DirFS(dir)))
			rec.Seed, rec.Run = 8, 2
			rewrite(t, rec, dir+"-copy")
		}, "are of different verifications: profile quick, seed 7, and profile quick, seed 8"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg, rec, dir := keptClean(t)
			tc.edit(t, &cfg, rec, dir)
			_, _, err := again(cfg)
			var usage *UsageError
			require.ErrorAs(t, err, &usage)
			require.ErrorContains(t, err, tc.want)
			require.False(t, strings.Contains(err.Error(), "\n"), err)
		})
	}
}
