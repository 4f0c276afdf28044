package player

import (
	"os"
	"strings"
	"sync/atomic"
	"time"

	"chronus/engine/internal/shm"
	"chronus/engine/sink"
)

// Driver opens the sound device that Stream.Name names, opens it anew whenever it is lost, and returns once the device was handed
// the last block and has played it, or Done is closed. It runs on a goroutine of its own; whatever may hang belongs into it.
type Driver func(Stream)

// Stream is what a driver works on.
type Stream struct {
	Device  *sink.Device
	Name    string // of the device or its index; "": the default one
	Rate    int    // Hz
	Frames  int    // frames a block
	Block   time.Duration
	Done    <-chan struct{} // no block comes after this
	Log     *os.File        // what stderr was when the process began
	Verbose bool
	// Report tells the host what became of the device: see Playing, Lost.
	Report func(state, detail string, latency time.Duration)
	// Busy says that the driver has allocated: what it does while no device plays is not the callback's.
	Busy *atomic.Bool
}

// States that a driver reports, a line each on the player's socket: state, latency in ns, detail, with tabs between.
const (
	DevicePlaying = "playing" // detail: the device's name
	DeviceLost    = "lost"    // detail: why
)

// SinkPortAudio is how the sink of a player with a device is named; ":DEVICE" may follow.
const SinkPortAudio = "portaudio"

// deviceOf splits a sink's name.
func deviceOf(name string) (device string, ok bool) {
	if name == SinkPortAudio {
		return "", true
	}
	return strings.CutPrefix(name, SinkPortAudio+":")
}

// entered puts the device's thread where the callback's belongs.
func entered(host *shm.Host) func() {
	return func() {
		if host.Geo.Fifo != 0 {
			_ = shm.Fifo(0, shm.PriorityPlayer)
		}
	}
}
