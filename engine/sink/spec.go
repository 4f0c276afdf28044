package sink

import (
	"fmt"
	"strings"
)

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
	// Value is what followed the colon: the path of a file, the name or index
	// of a device.
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
