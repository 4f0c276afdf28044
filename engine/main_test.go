//go:build linux

package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"chronus/engine/player"
	"chronus/engine/worker"
)

// bin is a folder with the executables chronus-worker and chronus-player. They
// are links to the test binary, which acts by the name that it is called by.
var bin string

func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "chronus-worker":
		os.Exit(worker.Main(os.Args[1:]))
	case "chronus-player":
		os.Exit(player.Main(os.Args[1:], nil, os.Stderr))
	}
	// For the child processes: the race detector would let each of them sleep
	// for a second as it exits.
	_ = os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0")
	if err := link(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(bin)
		os.Exit(code)
	}))
}

func link() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if bin, err = os.MkdirTemp("", "chronus"); err != nil {
		return err
	}
	for _, name := range []string{"chronus-worker", "chronus-player"} {
		if err := os.Symlink(self, filepath.Join(bin, name)); err != nil {
			return err
		}
	}
	return nil
}
