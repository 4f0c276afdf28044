//go:build linux

// Command chronus-worker makes the sound. It is started by chronus, never by hand.
package main

import (
	"os"

	"chronus/engine/worker"
)

func main() { os.Exit(worker.Main(os.Args[1:])) }
