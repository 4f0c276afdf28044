//go:build linux && portaudio

// Command chronus-portaudio owns the audio callback for a sound device, through
// PortAudio. It is the only program of the engine that links C: whatever
// PortAudio and the libraries below it abort, hang or leak ends with this
// process. It is started by chronus, never by hand, except for
// `chronus-portaudio devices`, which lists the output devices as JSON.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"chronus/engine/player"
	"chronus/engine/sink/portaudio"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	log, err := portaudio.Hush(slices.Contains(args, "verbose"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "chronus-portaudio:", err)
		return 1
	}
	if err := portaudio.Environment(); err != nil {
		fmt.Fprintln(log, "chronus-portaudio:", err)
		return 1
	}
	if len(args) > 0 && args[0] == "devices" {
		devices, err := portaudio.Devices()
		if err != nil {
			fmt.Fprintln(log, "chronus-portaudio:", err)
			return 1
		}
		if err := json.NewEncoder(os.Stdout).Encode(devices); err != nil {
			return 1
		}
		return 0
	}
	return player.Main(args, portaudio.Drive, log)
}
