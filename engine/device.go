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

	"chronus/engine/sink"
)

// probeLimit is how long listing the devices may take: with its stock
// configuration, ALSA probes every card for half a second.
const probeLimit = 5 * time.Second

// startProbeLimit is the same for an engine that starts. It plays without the
// device then, and the player goes on waiting for it.
const startProbeLimit = 3 * time.Second

// Devices lists the output devices that the sink "portaudio" can play on. If
// there is none, the error is sink.ErrNoDevice, with the reason if it is known.
// bin
// is the folder of the executables, and pulse the PulseAudio server to ask, as
// in PULSE_SERVER; "" asks every sound system there is. The list comes from a
// process of its own, since all of PortAudio lives in one.
func Devices(bin, pulse string) ([]sink.DeviceInfo, error) {
	return devices(bin, sink.PortAudioPlayer, pulse, probeLimit)
}

// devices is Devices for any executable of a player with devices: run with the
// argument "devices", it prints a JSON array of them.
func devices(bin, player, pulse string, limit time.Duration) ([]sink.DeviceInfo, error) {
	exe := filepath.Join(bin, player)
	if _, err := os.Stat(exe); err != nil {
		return nil, sink.ErrNoPlayer
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, "devices")
	cmd.Env = append(os.Environ(), pulseEnv(pulse)...)
	cmd.WaitDelay = time.Second // a child of the libraries may hold the pipes open
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("devices: no answer from the sound system within %s", limit)
	}
	line, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n")
	if why := unreachable(pulse); pulse != "" && why != nil && (err != nil || !bytes.HasPrefix(out, []byte("[{"))) {
		return nil, sink.NoDevice("no output device: " + why.Error())
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.Exited() && line != "":
		return nil, fmt.Errorf("devices: %s", line)
	case err != nil:
		return nil, fmt.Errorf("devices: %s: %w: %w", player, sink.ErrCrashed, err)
	}
	var list []sink.DeviceInfo
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, fmt.Errorf("devices: %s: %w", player, err)
	}
	if len(list) == 0 && line != "" {
		return nil, sink.NoDevice(line)
	}
	return list, nil
}

func pulseEnv(server string) []string {
	if server == "" {
		return nil
	}
	return []string{"CHRONUS_PULSE_SERVER=" + server}
}
