//go:build linux

package rig

import (
	"fmt"
	"os"
	"os/exec"
)

// Executables builds chronus-worker and chronus-player into dir, as make does and so out of the same cache. Tests that start
// many of them do without the race detector in them: it makes a start ten times as dear. Those that start few let the test
// binary be both, race detector and all.
func Executables(dir string) error {
	build := exec.Command("go", "build", "-trimpath", "-o", dir+"/", "chronus/cmd/chronus-worker", "chronus/cmd/chronus-player")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOAMD64=v1")
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("rig: go build: %w\n%s", err, said)
	}
	return nil
}
