//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVerifyListsTheScenarios(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, (&verifyCmd{Profile: "quick", List: true, Match: "^(kill|crash)"}).Run(&out))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Regexp(t, `^kill-primary-sine +6 x 12 +the tone goes on`, lines[0])
	require.Regexp(t, `^crash-points-player +1 x every point +the player dies`, lines[len(lines)-1])

	out.Reset()
	require.NoError(t, (&verifyCmd{Profile: "quick", List: true, JSON: true}).Run(&out))
	var all []struct{ Name, Why string }
	require.NoError(t, json.Unmarshal(out.Bytes(), &all))
	require.Equal(t, "start-stop", all[0].Name)
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
