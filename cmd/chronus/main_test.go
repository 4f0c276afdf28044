//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/rig"
)

// built is the directory of the worker and the player.
var built string

// TestMain makes the test binary act as the command when it runs under the name
// chronus. The worker and the player are built once; most tests start several
// of each.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "chronus" {
		runBin = filepath.Dir(os.Args[0]) // os.Executable would resolve the link
		main()
	}
	// Otherwise the race detector lets every process that is started sleep for
	// a second as it exits.
	_ = os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0")
	code := func() int {
		var err error
		if built, err = os.MkdirTemp("", "chronus"); err == nil {
			defer os.RemoveAll(built)
			err = rig.Executables(built)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}()
	os.Exit(code)
}

// bin returns a directory with links to the executables, of which chronus is
// the test binary.
func bin(t *testing.T) string {
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Symlink(self, filepath.Join(dir, "chronus")))
	for _, name := range []string{"chronus-worker", "chronus-player"} {
		require.NoError(t, os.Symlink(filepath.Join(built, name), filepath.Join(dir, name)))
	}
	return dir
}

func call(args ...string) (code int, out, errOut string) {
	var o, e bytes.Buffer
	code = run(args, &o, &e)
	return code, o.String(), e.String()
}

// names lists a directory.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}
