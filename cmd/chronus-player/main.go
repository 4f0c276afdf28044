//go:build linux

// Command chronus-player owns the audio callback for sinks without a device. It
// is started by chronus, never by hand.
package main

import (
	"os"

	"chronus/engine/player"
)

func main() { os.Exit(player.Main(os.Args[1:], nil, os.Stderr)) }
