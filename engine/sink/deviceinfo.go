package sink

import (
	"errors"
	"fmt"
	"math"
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
	FixedRate   bool          `json:"fixed_rate"` // it plays at Rate only
}

// Plays returns an error, which names the rate to ask for, if the device cannot
// play at the rate given.
func (d DeviceInfo) Plays(rate int) error {
	own := int(math.Round(d.Rate))
	if !d.FixedRate || own == rate {
		return nil
	}
	return &RateError{Device: d.Name, Rate: own, Engine: rate}
}

// RateError is why an engine cannot be heard on a device that has one rate.
type RateError struct {
	Device string
	Rate   int // of the device, Hz
	Engine int // rate of the engine, Hz
}

func (e *RateError) Error() string {
	return fmt.Sprintf("%s plays at %d Hz only, and the engine at %d Hz: start it with --rate %d",
		e.Device, e.Rate, e.Engine, e.Rate)
}

// Possible returns a latency that a library reports, or 0 if no device can have
// it. For a JACK port without hardware, PortAudio lets an unsigned number wrap
// around to 24.9 hours.
func Possible(latency time.Duration) time.Duration {
	if latency < 0 || latency > maxLatency {
		return 0
	}
	return latency
}

const maxLatency = 5 * time.Second

// Find picks a device by its index, its name, or a part of its name that no
// other device has in its own, in upper or lower case; "" is the default
// device. The error is ErrNoDevice, ErrNotThere or ErrAmbiguous, and lists the
// devices there are.
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
		return DeviceInfo{}, found(ErrNotThere, "no output device has index %d (there are: %s)", i, names(devices))
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
		return DeviceInfo{}, found(ErrNotThere, "no output device %q (there are: %s)", name, names(devices))
	case 1:
		return like[0], nil
	}
	return DeviceInfo{}, found(ErrAmbiguous, "%q is part of the names of several output devices: %s", name, names(like))
}

// Errors of looking for a device. Only ErrNoPlayer and ErrAmbiguous are
// mistakes that waiting does not mend.
var (
	ErrNoDevice  = errors.New("no output device")      // at all
	ErrNotThere  = errors.New("no such output device") // but others
	ErrAmbiguous = errors.New("several output devices have that in their names")
	ErrNoPlayer  = errors.New("chronus-portaudio is not there: make deps && make build builds it")
	ErrCrashed   = errors.New("the libraries of the sound system crash")
)

// findError has a text of its own, and is one of the errors above.
type findError struct {
	kind error
	text string
}

func (e *findError) Error() string { return e.text }
func (e *findError) Unwrap() error { return e.kind }

// NoDevice returns an ErrNoDevice with a text of its own.
func NoDevice(why string) error { return &findError{ErrNoDevice, why} }

func found(kind error, format string, args ...any) error {
	return &findError{kind, fmt.Sprintf(format, args...)}
}

func names(devices []DeviceInfo) string {
	var all []string
	for _, d := range devices {
		all = append(all, fmt.Sprintf("%d %s", d.Index, d.Name))
	}
	return strings.Join(all, ", ")
}

// latency returns the latency to ask a device for: what the user named, or four
// blocks, or the lowest that the device can do if that is more. With two
// blocks, a PulseAudio server ran dry one to six times in two seconds while a
// compiler kept both CPUs busy; with four, never.
func (o Options) latency(d DeviceInfo, block time.Duration) time.Duration {
	if o.Latency > 0 {
		return max(o.Latency, Possible(d.LowLatency))
	}
	return max(minLatency*block, Possible(d.LowLatency))
}

// Ask returns the latency to ask a device for at an attempt: twice as much at
// each one after a stream that was no clock, up to a second.
func (o Options) Ask(d DeviceInfo, block time.Duration, attempt int) time.Duration {
	least := o.latency(d, block)
	return max(least, min(least<<min(attempt, MaxAttempts), largestBuffer))
}

const (
	largestBuffer = time.Second
	// MaxAttempts is the number of larger buffers that are tried in turn.
	MaxAttempts = 6
)

const minLatency = 4 // blocks

// Burst returns how many blocks a device of that latency may ask for back to
// back: as many as its buffer holds.
func Burst(latency, block time.Duration) int { return max(1, int((latency+block-1)/block)) }
