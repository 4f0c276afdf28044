//go:build linux

package rig

import (
	"fmt"
	"os"
	"os/exec"
)

// Executables builds chronus-worker and chronus-player into dir with the flags
// that make uses, so that the build cache serves both. They are for tests that
// start many processes, because the race detector makes a start ten times as
// expensive. Tests that start few use the test binary, race detector included,
// as worker and player.
func Executables(dir string) error {
	build := exec.Command("go", "build", "-trimpath", "-o", dir+"/",
		"chronus/cmd/chronus-worker", "chronus/cmd/chronus-player")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOAMD64=v1")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("rig: go build: %w\n%s", err, output)
	}
	return nil
}
