package sink

import (
	"fmt"
	"strings"
	"time"
)

// kinds is the table of sinks, in the order in which usage names them.
var kinds = []*Kind{auto, clockKind, wav, portAudio}

// Executables that a player may be, found beside the engine's own.
const (
	LeanPlayer      = "chronus-player"    // static; for sinks without a device
	PortAudioPlayer = "chronus-portaudio" // the only one that links C
)

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

// FileFormat opens sound files of one format. A file outlives its writer: what
// one process has created, another resumes after a crash.
type FileFormat struct {
	// Create replaces the file of that name with an empty one.
	Create func(path string, g Shape) (File, error)
	// Resume goes on with a file that another process has created with the same
	// shape: the blocks that it holds stay.
	Resume func(path string, g Shape) (File, error)
}

// Shape is the shape of the sound in a file.
type Shape struct {
	Rate     int // Hz
	Channels int
	Frames   int // per block
}

// File is a sound file being written. It is not safe for concurrent use.
type File interface {
	// WriteBlock writes frames x channels interleaved samples at the place of
	// that block. It does not allocate.
	WriteBlock(block uint64, samples []float32) error
	// Flush brings the file up to date for a reader. It does not allocate.
	Flush() error
	Close() error
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

// Usage lists how sinks are written: "auto, clock, wav:FILE or
// portaudio[:DEVICE]".
func Usage() string {
	forms := make([]string, len(kinds))
	for i, k := range kinds {
		forms[i] = k.usage()
	}
	last := len(forms) - 1
	return strings.Join(forms[:last], ", ") + " or " + forms[last]
}

// Spec is the parsed name of a sink.
type Spec struct {
	*Kind
	// Value is what followed the colon: the path of a file, the name or index of a
	// device.
	Value string
}

// Parse parses the name of a sink. The error is one line that says what is
// accepted.
func Parse(name string) (Spec, error) {
	kind, value, colon := strings.Cut(name, ":")
	for _, k := range kinds {
		if k.Name != kind {
			continue
		}
		if colon && k.Arg == "" || value == "" && k.Arg != "" && !k.Bare {
			break
		}
		return Spec{k, value}, nil
	}
	return Spec{}, fmt.Errorf("sink %q: want %s", name, Usage())
}

// String returns the name that Parse parses into s.
func (s Spec) String() string {
	if s.Value == "" {
		return s.Name
	}
	return s.Name + ":" + s.Value
}
