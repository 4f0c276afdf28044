package sink

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Options are what a user may ask of a sink besides its name. They reach the
// player as arguments.
type Options struct {
	Verbose  bool          // let the device's libraries write to stderr
	Latency  time.Duration // to ask the device for; 0: see Latency
	Channels int           // of the device's stream; 0: two, or one if it has no more
	Map      []int         // see Opening.Map
	Name     string        // of the engine, as the sound server shows it
	// Wait lets a player look for the device in a process of its own before it
	// opens it: at the start it could not be opened.
	Wait bool
}

// Args returns the arguments that ParseOptions parses into o.
func (o Options) Args() (args []string) {
	if o.Verbose {
		args = append(args, "verbose")
	}
	if o.Latency != 0 {
		args = append(args, "latency="+o.Latency.String())
	}
	if o.Channels != 0 {
		args = append(args, "channels="+strconv.Itoa(o.Channels))
	}
	if len(o.Map) > 0 {
		args = append(args, "map="+FormatMap(o.Map))
	}
	if o.Wait {
		args = append(args, "wait")
	}
	if o.Name != "" {
		args = append(args, "name="+o.Name)
	}
	return args
}

// ParseOptions parses the arguments of a player that follow its sink.
func ParseOptions(args []string) (o Options, err error) {
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "verbose":
			o.Verbose = true
		case "wait":
			o.Wait = true
		case "latency":
			o.Latency, err = time.ParseDuration(value)
		case "channels":
			o.Channels, err = strconv.Atoi(value)
		case "map":
			o.Map, err = ParseMap(value)
		case "name":
			o.Name = value
		default:
			err = fmt.Errorf("unknown option")
		}
		if err != nil {
			return o, fmt.Errorf("sink: %s: %w", arg, err)
		}
	}
	return o, nil
}

// ParseMap parses a channel map as a user writes it, "3,4": the channels of the
// device, counted from 1, that play the engine's channels in their order. The
// result counts from 0.
func ParseMap(text string) ([]int, error) {
	if text == "" {
		return nil, nil
	}
	var places []int
	taken := map[int]bool{}
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 || n > MaxChannels {
			return nil, fmt.Errorf("channel %q: want numbers from 1 to %d, as in 3,4", part, MaxChannels)
		}
		if taken[n] {
			return nil, fmt.Errorf("channel %d is there twice", n)
		}
		taken[n] = true
		places = append(places, n-1)
	}
	return places, nil
}

// MaxChannels is the largest number of channels that a device is opened with.
const MaxChannels = 128

// FormatMap returns what ParseMap parses into places.
func FormatMap(places []int) string {
	parts := make([]string, len(places))
	for i, p := range places {
		parts[i] = strconv.Itoa(p + 1)
	}
	return strings.Join(parts, ",")
}

// Width returns how many channels of a device with that many in all to open,
// and where the engine's channels go: see Opening.Map. The error says which
// channel the device lacks.
func (o Options) Width(device string, all, engine int) (channels int, places []int, err error) {
	channels = min(2, all)
	if o.Channels > 0 {
		channels = o.Channels
	}
	if len(o.Map) > 0 {
		places = o.Map[:min(len(o.Map), max(engine, 1))]
		if engine == 1 {
			places = o.Map // a mono engine sounds on each of them
		}
		for _, p := range places {
			if o.Channels > 0 && p >= o.Channels {
				return 0, nil, fmt.Errorf("channel %d is beyond the %d channels asked for", p+1, o.Channels)
			}
			channels = max(channels, p+1)
		}
	}
	if channels > all {
		return 0, nil, fmt.Errorf("%s has %d channels, not %d", device, all, channels)
	}
	return channels, places, nil
}
