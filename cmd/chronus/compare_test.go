//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sides returns the files of three results: the ones that benchstat's test
// uses, of six processes per scenario; the same twice over, since no change is
// significant with six; and those with every detection a hundred times as long.
func sides(t *testing.T) (few, old, slow string) {
	t.Helper()
	data, err := os.ReadFile("../../harness/report/testdata/runs.txt")
	require.NoError(t, err)
	text := strings.ReplaceAll(string(data), " 256 lost-frames", " 0 lost-frames")
	file := func(text string) string {
		name := filepath.Join(t.TempDir(), "runs.txt")
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
		return name
	}
	few, text = file(text), text+text[strings.Index(text, "Benchmark"):]
	return few, file(text), file(strings.ReplaceAll(text, " detect-p50-ns", "00 detect-p50-ns"))
}

func TestCompareExitsByWhatItFinds(t *testing.T) {
	few, old, slow := sides(t)
	code, out, errOut := call("compare", old, filepath.Dir(old))
	require.Equal(t, exitPass, code, out+errOut)
	require.Contains(t, out, "PASS")

	code, out, errOut = call("compare", old, slow)
	require.Equal(t, exitFail, code)
	require.Empty(t, errOut)
	require.Contains(t, out, "WORSE")
	require.Regexp(t, `kill-primary\S*: detect-p50-sec was \S+ and is \S+: worse by 9900\.0 %, at most 10 % \(p=0\.000 n=12\)\nFAIL\n$`, out)

	code, out, _ = call("compare", few, few)
	require.Equal(t, exitFail, code)
	require.Contains(t, out, "6 engine processes in "+few+", at least 10 are needed")
	code, out, errOut = call("compare", "--min-runs", "6", few, few)
	require.Equal(t, exitPass, code, out+errOut)
}
