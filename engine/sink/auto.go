package sink

import "time"

// auto is a device if there is one, and the clock otherwise.
var auto = &Kind{Name: "auto", Settle: settleAuto}

func settleAuto(_ Spec, m Machine) (Spec, time.Duration, error) {
	s := Spec{Kind: portAudio}
	device, err := findDevice(s, m)
	if err != nil {
		m.Say("sink auto: pacing by the clock, in silence", "because", err)
		return Spec{Kind: clockKind}, 0, nil
	}
	m.Say("sink auto: playing on a device", "device", device.Name)
	return s, Latency(device, m.Block), nil
}
