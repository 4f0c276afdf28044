package patch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Patch is a patch that has been parsed and checked.
type Patch struct {
	name    string
	text    []byte
	modules []module // in the order in which they are rendered: inputs first
	out     int      // index of the module that is heard
	limit   float64  // magnitude of the largest sample, 0 for no limit
}

// module is a module of a patch that has been checked.
type module struct {
	id     string
	kind   int       // dsp wire id
	inputs []int     // indices of modules
	values []float64 // of the kind's parameters, in their order
}

// Load returns the built-in patch with that name or, if there is none, parses
// the file at that path. "heavy" and "heavy:N%" measure this machine for some
// tens of milliseconds; "heavy:N" does not.
func Load(nameOrPath string) (*Patch, error) {
	if name, text, err := builtin(nameOrPath); err != nil || text != nil {
		if err != nil {
			return nil, err
		}
		return Parse(name, text)
	}
	text, err := os.ReadFile(nameOrPath)
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return nil, fmt.Errorf("patch: %s: %w (built in: %s)", nameOrPath, err, strings.Join(Builtin(), ", "))
	}
	return Parse(nameOrPath, text)
}

// Name returns the name under which the patch was loaded or parsed. Load of the
// name of a built-in patch returns the same patch again.
func (p *Patch) Name() string { return p.name }

// Text returns the TOML. Parse of Name and Text returns the same patch again.
// The caller must not modify the slice.
func (p *Patch) Text() []byte { return p.text }
