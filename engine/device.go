//go:build linux

package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"chronus/engine/player"
	"chronus/engine/sink"
)

// ErrNoPortAudio says that the player for sound devices was not built.
var ErrNoPortAudio = errors.New("chronus-portaudio is not there: make deps && make build makes it")

// probeLimit is how long a list of devices may take: the stock ALSA configuration probes every card for half a second.
const probeLimit = 5 * time.Second

// Devices lists the output devices that the sink "portaudio" can play on. bin is the folder of the executables, pulse the
// PulseAudio server to ask, as in PULSE_SERVER; "": all there is. It asks a process of its own, as all of PortAudio lives in one.
func Devices(bin, pulse string) ([]sink.DeviceInfo, error) {
	exe := filepath.Join(bin, "chronus-portaudio")
	if _, err := os.Stat(exe); err != nil {
		return nil, ErrNoPortAudio
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, "devices")
	cmd.Env = append(os.Environ(), pulseEnv(pulse)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("devices: no answer from the sound system within %s", probeLimit)
	}
	if err != nil {
		if line, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n"); line != "" {
			return nil, fmt.Errorf("devices: %s", line)
		}
		return nil, fmt.Errorf("devices: chronus-portaudio: %w", err)
	}
	var list []sink.DeviceInfo
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, fmt.Errorf("devices: chronus-portaudio: %w", err)
	}
	return list, nil
}

func pulseEnv(server string) []string {
	if server == "" {
		return nil
	}
	return []string{"CHRONUS_PULSE_SERVER=" + server}
}

// chooseDevice settles what a sink means that may be a device: "auto" is one where there is one, else the clock. latency is what
// the device needs of the lead; 0 on the clock. A device that is not there yet is waited for, but not one by a name that no
// device has.
func (e *Engine) chooseDevice() (latency time.Duration, err error) {
	c := &e.cfg
	block := time.Duration(int64(c.Frames) * int64(time.Second) / int64(c.Rate))
	_, name, _ := strings.Cut(c.Sink, ":")
	list, err := Devices(c.Bin, c.PulseServer)
	var device sink.DeviceInfo
	if err == nil {
		device, err = sink.Find(list, name)
	}
	switch {
	case c.Sink == "auto" && err != nil:
		c.Sink = "clock"
		c.Log.Info("sink auto: pacing by the clock, in silence", "because", err)
		return 0, nil
	case c.Sink == "auto":
		c.Sink = player.SinkPortAudio
		c.Log.Info("sink auto: playing on a device", "device", device.Name)
	case errors.Is(err, sink.ErrNoDevice):
		return sink.Latency(sink.DeviceInfo{}, block), nil
	case err != nil:
		return 0, fmt.Errorf("sink %s: %w", c.Sink, err)
	}
	return sink.Latency(device, block), nil
}
