//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"chronus/engine"
	"chronus/engine/sink"
)

// devicesCmd is `chronus devices`.
type devicesCmd struct {
	PulseServer string `help:"PulseAudio server to ask, as in PULSE_SERVER; by default, every sound system." placeholder:"SERVER"`
	JSON        bool   `help:"Print a JSON array."`
}

// Run lists the devices that --sink portaudio:DEVICE can name.
func (d *devicesCmd) Run(out io.Writer) error {
	bin := runBin
	if bin == "" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		bin = filepath.Dir(self)
	}
	list, err := engine.Devices(bin, d.PulseServer)
	if d.JSON && errors.Is(err, sink.ErrNoDevice) {
		list, err = []sink.DeviceInfo{}, nil
	}
	if err != nil {
		return err
	}
	if d.JSON {
		return json.NewEncoder(out).Encode(list)
	}
	if len(list) == 0 {
		return fmt.Errorf("devices: no output device")
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "index\tname\tsystem\tchannels\trate\tlatency\t")
	for _, i := range list {
		mark := ""
		if i.Default {
			mark = "default"
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%.0f Hz\t%.1f ms\t%s\n",
			i.Index, i.Name, i.HostAPI, i.Channels, i.Rate, i.LowLatency.Seconds()*1e3, mark)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	d.listSinks(out)
	return nil
}

// listSinks lists the outputs of the sound server, if there is one. PortAudio
// shows it as one device, which plays on the default output or on the one that
// PULSE_SINK names.
func (d *devicesCmd) listSinks(out io.Writer) {
	server := pulseServer(d.PulseServer)
	if server == "" {
		return
	}
	sinks, err := serverSinks(server)
	if err != nil || len(sinks) == 0 {
		return
	}
	fmt.Fprintf(out, "\noutputs of the sound server %s (PULSE_SINK=NAME chooses one):\n", server)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, s := range sinks {
		mark := ""
		if s.Default {
			mark = "default"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d Hz\t%s\n", s.Name, s.Description, s.Channels, s.Rate, mark)
	}
	_ = w.Flush()
}
