package sink

import (
	"errors"
	"fmt"
	"time"
)

// PortAudioPlayer is the executable of the player for sound devices, the only
// one that links C.
const PortAudioPlayer = "chronus-portaudio"

// portAudio is a sound device, named by its name, a part of it or its index, or
// the default device. Package portaudio is its Driver.
var portAudio = &Kind{
	Name: "portaudio", Arg: "DEVICE", Bare: true,
	Player: PortAudioPlayer, Device: true, Settle: settlePortAudio,
}

// settlePortAudio asks for the latency that the device needs. While the machine
// has no output device at all, one may still come, and the player waits for it.
// A name that fits none of several devices is a mistake.
func settlePortAudio(s Spec, m Machine) (Spec, time.Duration, error) {
	device, err := findDevice(s, m)
	if err != nil && !errors.Is(err, ErrNoDevice) {
		return s, 0, fmt.Errorf("sink %s: %w", s, err)
	}
	return s, Latency(device, m.Block), nil
}

func findDevice(s Spec, m Machine) (DeviceInfo, error) {
	list, err := m.Devices(s.Player)
	if err != nil {
		return DeviceInfo{}, err
	}
	return Find(list, s.Value)
}
