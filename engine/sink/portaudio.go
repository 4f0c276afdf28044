package sink

import (
	"errors"
	"fmt"
	"math"
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

// settlePortAudio takes the latency and, where the user named none, the rate
// that the device needs. A device that is not there or cannot be opened may
// come later, as the sound server does that a machine starts after the engine:
// the player waits for it, as it does after a loss. What can never be played is
// refused.
func settlePortAudio(s Spec, m Machine) (Setting, error) {
	device, err := findDevice(s, m)
	switch {
	case err == nil:
		to, err := fit(s, m, device)
		if err != nil {
			err = fmt.Errorf("sink %s: %w", s, err)
		}
		return to, err
	case errors.Is(err, ErrNoPlayer), errors.Is(err, ErrAmbiguous):
		return Setting{}, fmt.Errorf("sink %s: %w", s, err)
	}
	return wait(s, m), nil
}

func findDevice(s Spec, m Machine) (DeviceInfo, error) {
	list, err := m.Devices(s.Player)
	if err != nil {
		return DeviceInfo{}, err
	}
	return Find(list, s.Value)
}

// wait is how a sink is played whose device is not known yet.
func wait(s Spec, m Machine) Setting {
	rate := m.rate()
	return Setting{Spec: s, Rate: rate, Latency: m.Options.latency(DeviceInfo{}, m.block(rate)), Wait: true}
}

// fit is how a sink is played on a device, or why it cannot be.
func fit(s Spec, m Machine, d DeviceInfo) (Setting, error) {
	rate := m.rate()
	if own := int(math.Round(d.Rate)); m.Rate == 0 && own > 0 {
		rate = own
	}
	if err := d.Plays(rate); err != nil {
		return Setting{}, err
	}
	if _, _, err := m.Options.Width(d.Name, d.Channels, m.Channels); err != nil {
		return Setting{}, err
	}
	return Setting{Spec: s, Rate: rate, Latency: m.Options.latency(d, m.block(rate))}, nil
}
