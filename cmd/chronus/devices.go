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
	return w.Flush()
}
