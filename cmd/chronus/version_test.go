//go:build linux

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine"
)

func TestVersionNamesTheBuildThatExecutablesMustShare(t *testing.T) {
	runBin = bin(t)
	defer func() { runBin = "" }()
	ask := func() (v version) {
		t.Helper()
		code, out, errOut := call("version", "--json")
		require.Equal(t, exitPass, code, errOut)
		require.NoError(t, json.Unmarshal([]byte(out), &v))
		return v
	}
	v := ask()
	require.NotEmpty(t, v.BuildID)
	require.Equal(t, engine.Build(), v.BuildID)
	require.False(t, v.Portaudio)
	require.False(t, v.Failpoints)

	require.NoError(t, os.WriteFile(filepath.Join(runBin, "chronus-portaudio"), nil, 0o644))
	require.False(t, ask().Portaudio, "it cannot be executed")
	require.NoError(t, os.Chmod(filepath.Join(runBin, "chronus-portaudio"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(runBin, "failpoints", "chronus"), 0o755))
	v = ask()
	require.True(t, v.Portaudio)
	require.False(t, v.Failpoints, "a directory is no build")
	_, text, _ := call("version")
	require.Contains(t, text, "chronus-portaudio  in "+runBin+"\n")
	require.Contains(t, text, "failpoint build    not in "+runBin+"/failpoints\n")

	code, line, _ := call("--version")
	require.Equal(t, exitPass, code)
	require.Equal(t, "chronus "+v.Version+" (build id "+v.BuildID+")\n", line)
}
