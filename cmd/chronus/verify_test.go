//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chronus/harness/record/recordtest"
	"chronus/harness/report"
	"chronus/harness/scenario"

	"github.com/stretchr/testify/require"
)

func TestVerifyListsTheScenarios(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, (&verifyCmd{Profile: "quick", List: true, Match: "^(kill|crash)"}).Run(&out))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for _, line := range lines {
		require.Regexp(t, `^(kill-[a-z-]+ +\d+ x \d+|crash-[a-z-]+ +\d+ x every point) +[a-z].{20,}$`, line)
	}
	require.Regexp(t, `(?m)^kill-primary-sine +6 x 12 +the tone goes on`, out.String())
	require.Regexp(t, `(?m)^crash-points-player +1 x every point +the player dies`, out.String())

	out.Reset()
	require.NoError(t, (&verifyCmd{Profile: "quick", List: true, JSON: true}).Run(&out))
	var all []struct{ Name, Why string }
	require.NoError(t, json.Unmarshal(out.Bytes(), &all))
	known, err := scenario.All()
	require.NoError(t, err)
	require.Equal(t, scenario.In(known, "quick")[0].Name, all[0].Name, "in the order in which they run")
	require.NotEmpty(t, all[0].Why)
}

func TestVerifyJudgesKeptRecordsAgain(t *testing.T) {
	// What verify --keep leaves of an engine process of a scenario of this
	// build.
	dir := t.TempDir()
	rec := recordtest.Clean(t, dir, 5)
	rec.Scenario, rec.Build.Commit = "kill-primary-steps", "abc123"
	file := filepath.Join(dir, "record.jsonl.gz")
	require.NoError(t, rec.Write(file))

	code, out, errOut := call("verify", "--judge", dir)
	require.Equal(t, exitPass, code, "%s%s", out, errOut)
	require.Regexp(t, `(?m)^kill-primary-steps +5 +0 +0 +0 .* pass `, out)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 3, "no report without --out")

	results := t.TempDir()
	code, out, _ = call("verify", "--judge", dir, "--out", results, "--json")
	require.Equal(t, exitPass, code)
	text, err := os.ReadFile(filepath.Join(results, report.VerdictFile))
	require.NoError(t, err)
	require.Equal(t, out, string(text))
	text, err = os.ReadFile(filepath.Join(results, report.MetaFile))
	require.NoError(t, err)
	require.Contains(t, string(text), `"commit": "abc123"`, "of the engine that played")
	require.FileExists(t, filepath.Join(results, report.HTMLFile))

	rec.Events = rec.Events[:len(rec.Events)-1]
	require.NoError(t, os.Remove(file))
	require.NoError(t, rec.Write(file))
	code, out, _ = call("verify", "--judge", dir)
	require.Equal(t, exitFail, code)
	require.Contains(t, out, "run 1, cycle 5: redundancy_restored: 0, must be 1")
	require.Contains(t, out, "kept: "+dir)

	code, _, errOut = call("verify", "--judge", dir, "--run", "^none$")
	require.Equal(t, exitUsage, code)
	require.Equal(t, "chronus: verify: no record (record.jsonl.gz) of such a scenario below "+dir+"\n", errOut)
}

func TestVerifyMistakesAreOneLineAndExitTwo(t *testing.T) {
	file := t.TempDir() + "/file"
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	for _, tc := range []struct {
		cmd  verifyCmd
		want string
	}{
		{verifyCmd{Match: "("}, `--run "(": error parsing regexp: missing closing ): ` + "`(`"},
		{verifyCmd{Profile: "quick", Match: "^nothing$"}, `--run "^nothing$": no scenario of profile quick matches (chronus verify --profile quick --list lists them)`},
		{verifyCmd{Count: -1}, "--count -1: must not be negative"},
		{verifyCmd{Procs: -2}, "--processes -2: must not be negative"},
		{verifyCmd{Profile: "quick", Out: file + "/x"}, "mkdir " + file + ": not a directory"},
		{verifyCmd{Profile: "quick", Match: "^none$", Out: t.TempDir(), Engine: "/nonexistent"}, "verify: no engine: stat /nonexistent/chronus: no such file or directory (make build makes it)"},
	} {
		err := tc.cmd.Run(&bytes.Buffer{})
		var exit *exitError
		require.True(t, errors.As(err, &exit), tc.want)
		require.Equal(t, exitUsage, exit.code)
		require.EqualError(t, err, tc.want)
	}
}
