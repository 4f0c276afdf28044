package sink

import "errors"

// auto is a device if there is one, and the clock otherwise. It moves to a
// device that appears while it plays, unless there is no player for devices.
var auto = &Kind{Name: "auto", Player: PortAudioPlayer, Device: true, Settle: settleAuto}

func settleAuto(s Spec, m Machine) (Setting, error) {
	device, err := findDevice(s, m)
	if err == nil {
		to, err := fit(Spec{Kind: portAudio}, m, device)
		if err == nil {
			m.Say("sink auto: playing on a device", "device", device.Name)
			return to, nil
		}
		m.Warn("sink auto: pacing by the clock, in silence", "because", err)
		return Setting{Spec: Spec{Kind: clockKind}, Rate: m.rate()}, nil
	}
	m.Say("sink auto: pacing by the clock, in silence", "because", err)
	if errors.Is(err, ErrNoPlayer) || errors.Is(err, ErrCrashed) {
		return Setting{Spec: Spec{Kind: clockKind}, Rate: m.rate()}, nil
	}
	return wait(s, m), nil
}

// Content reports whether a sink without a device is as good as one with it,
// until a device has played.
func (s Spec) Content() bool { return s.Kind == auto }

// Playing returns what a sink comes to while its device plays, or does not.
func (s Spec) Playing(device bool) Spec {
	switch {
	case s.Kind != auto:
		return s
	case device:
		return Spec{Kind: portAudio}
	}
	return Spec{Kind: clockKind}
}
