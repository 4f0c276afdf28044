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
	// the machine and returns the one that will be played, which may be of
	// another kind. latency is what its device is asked for, 0 without a
	// device. nil: the sink is played as named.
	Settle func(s Spec, m Machine) (to Spec, latency time.Duration, err error)
}

// Machine is what Settle may ask of the machine that an engine is about to play
// on.
type Machine struct {
	Block time.Duration // length of a block
	// Devices lists the output devices that a player executable can open.
	Devices func(player string) ([]DeviceInfo, error)
	// Say informs the user of a choice that was made; args are as in log/slog.
	Say func(msg string, args ...any)
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
