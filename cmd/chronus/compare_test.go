//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sides are the committed results of benchstat's test, and the same with every detection four times as long.
func sides(t *testing.T) (old, slow string) {
	t.Helper()
	text, err := os.ReadFile("../../harness/report/testdata/runs.txt")
	require.NoError(t, err)
	file := func(text string) string {
		name := filepath.Join(t.TempDir(), "runs.txt")
		require.NoError(t, os.WriteFile(name, []byte(strings.ReplaceAll(text, " 256 lost-frames", " 0 lost-frames")), 0o644))
		return name
	}
	return file(string(text)), file(strings.ReplaceAll(string(text), " detect-p50-ns", "00 detect-p50-ns"))
}

func TestCompareExitsByWhatItFinds(t *testing.T) {
	old, slow := sides(t)
	code, out, errOut := call("compare", "--min-runs", "6", old, filepath.Dir(old))
	require.Equal(t, exitPass, code, out+errOut)
	require.Contains(t, out, "PASS")

	code, out, errOut = call("compare", "--min-runs", "6", old, slow)
	require.Equal(t, exitFail, code)
	require.Empty(t, errOut)
	require.Contains(t, out, "WORSE")
	require.Regexp(t, `kill-primary\S*: detect-p50-sec was \S+ and is \S+: worse by 9900\.0 %, at most 10 % \(p=0\.002 n=6\)\nFAIL\n$`, out)

	code, out, _ = call("compare", old, old)
	require.Equal(t, exitFail, code)
	require.Contains(t, out, "6 engine processes in "+old+", at least 10 are needed")
}
