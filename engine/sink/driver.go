package sink

import (
	"os"
	"sync/atomic"
	"time"
)

// Driver opens the sound device that Stream.Name names and reopens it whenever
// it is lost. It returns once the device has played the last block, or Done is
// closed. It runs on a goroutine of its own, so whatever may hang belongs in
// it.
type Driver func(Stream)

// Stream is what a driver works on.
type Stream struct {
	Device  *Device
	Name    string // name or index of the device; "": the default one
	Rate    int    // Hz
	Frames  int    // per block
	Block   time.Duration
	Done    <-chan struct{} // closed when no block comes any more
	Options Options
	// Channels of the engine; see Options.Width.
	Channels int
	Log      *os.File // what stderr was when the process began
	// Report tells the host what became of the device: see DevicePlaying.
	Report func(state, detail string, latency time.Duration)
	// Busy is set by the driver when it has allocated or collected. What it
	// does so while no device plays is not counted against the callback.
	Busy *atomic.Bool
}

// States that a driver reports. Each is a line on the player's socket: state,
// latency in ns and detail, separated by tabs.
const (
	DevicePlaying = "playing" // detail: the device's name
	DeviceChanged = "changed" // it plays on with another latency; detail: the device's name
	DeviceLost    = "lost"    // detail: why
	// DeviceRate is DeviceLost because of the engine's rate: the device, which
	// detail names, plays at another, which stands in the place of the latency.
	DeviceRate = "rate"
)
