//go:build linux

// Command chronus-worker makes the sound. Only chronus starts it; it is not
// meant to be started by hand.
package main

import (
	"os"

	"chronus/engine/worker"
)

func main() { os.Exit(worker.Main(os.Args[1:])) }
