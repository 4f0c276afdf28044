package sink

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// DeviceInfo describes an output device, as `chronus devices` lists it.
type DeviceInfo struct {
	Index       int           `json:"index"`
	Name        string        `json:"name"`
	HostAPI     string        `json:"host_api"` // ALSA, JACK, ...
	Channels    int           `json:"channels"` // the most it has
	Rate        float64       `json:"rate"`     // the device's default, Hz
	LowLatency  time.Duration `json:"low_latency_ns"`
	HighLatency time.Duration `json:"high_latency_ns"`
	Default     bool          `json:"default"`
}

// Find picks a device by its index, its name, or a part of its name that no
// other device has in its own, in upper or lower case; "" is the default
// device. The error lists the devices there are, or is ErrNoDevice.
func Find(devices []DeviceInfo, name string) (DeviceInfo, error) {
	if len(devices) == 0 {
		return DeviceInfo{}, ErrNoDevice
	}
	if name == "" {
		for _, d := range devices {
			if d.Default {
				return d, nil
			}
		}
		return devices[0], nil
	}
	if i, err := strconv.Atoi(name); err == nil {
		for _, d := range devices {
			if d.Index == i {
				return d, nil
			}
		}
		return DeviceInfo{}, fmt.Errorf("no output device has index %d (there are: %s)", i, names(devices))
	}
	var like []DeviceInfo
	for _, d := range devices {
		if d.Name == name {
			return d, nil
		}
		if strings.Contains(strings.ToLower(d.Name), strings.ToLower(name)) {
			like = append(like, d)
		}
	}
	switch len(like) {
	case 0:
		return DeviceInfo{}, fmt.Errorf("no output device %q (there are: %s)", name, names(devices))
	case 1:
		return like[0], nil
	}
	return DeviceInfo{}, fmt.Errorf("%q is part of the names of several output devices: %s", name, names(like))
}

// ErrNoDevice is returned when there is no output device at all.
var ErrNoDevice = errors.New("no output device")

func names(devices []DeviceInfo) string {
	var all []string
	for _, d := range devices {
		all = append(all, fmt.Sprintf("%d %s", d.Index, d.Name))
	}
	return strings.Join(all, ", ")
}

// Latency returns the latency to ask a device for: four blocks, or the lowest
// that the device can do if that is more. With two blocks, a PulseAudio server
// ran dry one to six times in two seconds while a compiler kept both CPUs busy;
// with four, never.
func Latency(d DeviceInfo, block time.Duration) time.Duration {
	return max(minLatency*block, d.LowLatency)
}

const minLatency = 4 // blocks

// Burst returns how many blocks a device of that latency may ask for back to
// back: as many as its buffer holds.
func Burst(latency, block time.Duration) int { return max(1, int((latency+block-1)/block)) }
