//go:build linux && portaudio

package portaudio

import (
	"fmt"

	pa "github.com/gordonklaus/portaudio"

	"chronus/engine/sink"
)

// Devices lists the output devices as PortAudio sees them now. If there is
// none, the error is sink.ErrNoDevice with the reason, as far as a library gave
// one.
func Devices() ([]sink.DeviceInfo, error) {
	if err := pa.Initialize(); err != nil {
		return nil, fmt.Errorf("portaudio: initialize: %w", err)
	}
	defer func() { _ = pa.Terminate() }()
	list, _, err := devices()
	if err == nil && len(list) == 0 {
		return list, because(sink.ErrNoDevice)
	}
	return list, err
}

// devices lists the output devices as the engine and as PortAudio describe
// them, in the same order. PortAudio must be initialized.
func devices() ([]sink.DeviceInfo, []*pa.DeviceInfo, error) {
	all, err := pa.Devices()
	if err != nil {
		return nil, nil, fmt.Errorf("portaudio: devices: %w", err)
	}
	first := -1
	if d, err := pa.DefaultOutputDevice(); err == nil && d != nil {
		first = d.Index
	}
	list, outputs := []sink.DeviceInfo{}, []*pa.DeviceInfo{}
	for _, d := range all {
		if d.MaxOutputChannels == 0 {
			continue
		}
		list = append(list, sink.DeviceInfo{
			Index: d.Index, Name: d.Name, HostAPI: d.HostApi.Name, Default: d.Index == first,
			Channels: d.MaxOutputChannels, Rate: d.DefaultSampleRate,
			LowLatency: sink.Possible(d.DefaultLowOutputLatency), HighLatency: sink.Possible(d.DefaultHighOutputLatency),
			// A JACK server has one rate, and PortAudio refuses every other.
			FixedRate: d.HostApi.Type == pa.JACK,
		})
		outputs = append(outputs, d)
	}
	return list, outputs, nil
}
