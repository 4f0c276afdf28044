//go:build linux && portaudio

// Command chronus-portaudio owns the audio callback for a sound device, through
// PortAudio. It is the only program of the engine that links C: whatever
// PortAudio and the libraries below it abort, hang or leak ends with this
// process. It is started by chronus, never by hand, except for
// `chronus-portaudio devices`, which lists the output devices as JSON.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"chronus/engine/player"
	"chronus/engine/sink"
	"chronus/engine/sink/portaudio"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	var options sink.Options
	if len(args) > 1 {
		var err error
		if options, err = sink.ParseOptions(args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "chronus-portaudio:", err)
			return 2
		}
	}
	log, err := portaudio.Hush(options.Verbose)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chronus-portaudio:", err)
		return 1
	}
	if err := portaudio.Environment(options.Name); err != nil {
		fmt.Fprintln(log, "chronus-portaudio:", err)
		return 1
	}
	if len(args) > 0 && args[0] == "devices" {
		return devices(log)
	}
	return player.Main(args, portaudio.Drive, log)
}

// devices prints a JSON array of the output devices. If there is none, it
// writes the reason to log, as far as one is known.
func devices(log io.Writer) int {
	list, err := portaudio.Devices()
	if err != nil {
		fmt.Fprintln(log, err)
		if !errors.Is(err, sink.ErrNoDevice) {
			return 1
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(list); err != nil {
		return 1
	}
	return 0
}
