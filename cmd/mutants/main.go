//go:build linux

// Command mutants plants bugs in the engine, one at a time, and checks that
// each is caught by the scenario that must catch it. Run it in the project's
// folder: go run ./cmd/mutants [PART OF A NAME].
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"chronus/harness/mutants"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	survived, err := mutants.RunAll(ctx, ".", strings.Join(os.Args[1:], " "), os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if survived > 0 {
		os.Exit(1)
	}
}
