//go:build linux

package engine

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"chronus/engine/control"
)

// Config is what to play and how. The zero value of a field stands for its
// default.
type Config struct {
	Patch    string // name of a built-in patch or path of a TOML file; default "sine"
	Sink     string // a name for sink.Parse; a file is replaced; default "auto"
	Rate     int    // Hz; default: that of the device, 44100 without one
	Frames   int    // per block; default 256
	Lead     int    // blocks sealed ahead of playout; default 3, more without SCHED_FIFO or on a device
	Replicas int    // workers that render; default 2
	Spares   int    // idle workers; -1: none; default 2
	OSCHost  string // default 127.0.0.1
	OSCPort  int    // UDP; -1: any free one; default 5005
	Control  string // path of the control socket; default control.DefaultPath()
	Tape     string // file to record to, replaced; "": none
	Bin      string // folder of the executables; default: the one of this program

	PulseServer string // the PulseAudio server to play on, as in PULSE_SERVER; "": any device
	Verbose     bool   // let the device's libraries write to stderr
	// Latency is what a device is asked for; default: four blocks, or the least
	// that it can do if that is more.
	Latency time.Duration
	// Channels of the device's stream; default: 2. ChannelMap holds those that
	// play the engine's channels in their order, from 0; default: the first.
	Channels   int
	ChannelMap []int
	Name       string // what a sound server's mixer calls the engine; default "chronus"
	// IdlePhrase plays a few notes while no commands come, on a patch that has
	// an envelope and a sine.
	IdlePhrase bool
	// Log receives what happens; nil discards it. Its handler should not wait
	// for anything, because the supervisor waits for it.
	Log *slog.Logger
}

// Defaults returns c with the defaults filled in.
func (c Config) Defaults() (Config, error) {
	set := func(v *int, to int) {
		if *v == 0 {
			*v = to
		}
	}
	set(&c.Frames, 256)
	set(&c.Replicas, 2)
	set(&c.Spares, 2)
	set(&c.OSCPort, 5005)
	c.Spares, c.OSCPort = max(c.Spares, 0), max(c.OSCPort, 0)
	if c.Patch == "" {
		c.Patch = "sine"
	}
	if c.Sink == "" {
		c.Sink = "auto"
	}
	if c.Name == "" {
		c.Name = "chronus"
	}
	if c.OSCHost == "" {
		c.OSCHost = "127.0.0.1"
	}
	if c.Control == "" {
		c.Control = control.DefaultPath()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Bin == "" {
		self, err := os.Executable()
		if err != nil {
			return c, fmt.Errorf("engine: %w", err)
		}
		c.Bin = filepath.Dir(self)
	}
	return c, nil
}
