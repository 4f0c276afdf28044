package sink

import "time"

// kinds is the table of sinks, in the order in which usage names them.
var kinds = []*Kind{auto, clockKind, wav, portAudio}

// LeanPlayer is the executable of a player for sinks without a device: static,
// and quick to start. A kind of device names another, found beside it.
const LeanPlayer = "chronus-player"

// Kind is one kind of sink: what its name looks like, what the host does about
// it before an engine starts, and what the player does with it. Unless a device
// calls for blocks, every kind is paced by Clock.
type Kind struct {
	Name string // "wav"
	Arg  string // what may follow "NAME:", "FILE" in usage; "": nothing may
	Bare bool   // the name alone will do, although an argument may follow

	// Player is the executable that plays the kind.
	Player string
	// Device reports whether that executable brings a Driver, whose device
	// calls for blocks whenever it plays.
	Device bool
	// File opens the file that the argument names, which then receives every
	// block. nil: no file is written.
	File *FileFormat

	// Settle, in the host and before anything is taken, checks the sink against
	// the machine. It refuses what can never be played, and returns how the
	// rest will be. nil: the sink is played as named.
	Settle func(s Spec, m Machine) (Setting, error)
}

// Setting is how a sink will be played.
type Setting struct {
	Spec    Spec          // may be of another kind than the one asked about
	Rate    int           // Hz, of the engine
	Latency time.Duration // to ask the device for; 0 without a device
	// Wait is set if the device cannot be opened yet. The clock paces until it
	// can, as it does after a loss.
	Wait bool
}

// Machine is what Settle may ask of the machine that an engine is about to play
// on.
type Machine struct {
	Rate     int // Hz, as the user named it; 0: any
	Frames   int // per block
	Channels int // of the engine
	Options  Options
	// Devices lists the output devices that a player executable can open.
	Devices func(player string) ([]DeviceInfo, error)
	// Say informs the user of a choice that was made, and Warn of one that the
	// user has to know of; args are as in log/slog.
	Say, Warn func(msg string, args ...any)
}

// DefaultRate is the rate of an engine for which neither the user nor a device
// named one, in Hz.
const DefaultRate = 44100

// rate is that of an engine that need not heed a device.
func (m Machine) rate() int {
	if m.Rate != 0 {
		return m.Rate
	}
	return DefaultRate
}

// block is the length of a block at a rate.
func (m Machine) block(rate int) time.Duration {
	return time.Duration(int64(m.Frames) * int64(time.Second) / int64(rate))
}

// usage returns how the kind is written: "clock", "wav:FILE",
// "portaudio[:DEVICE]".
func (k *Kind) usage() string {
	switch {
	case k.Arg == "":
		return k.Name
	case k.Bare:
		return k.Name + "[:" + k.Arg + "]"
	}
	return k.Name + ":" + k.Arg
}
