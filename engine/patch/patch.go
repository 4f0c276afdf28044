package patch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Patch is a patch that has been read and found correct.
type Patch struct {
	name    string
	text    []byte
	modules []module // in the order they are rendered: inputs first
	out     int      // index of the module that is heard
	limit   float64  // the largest sample, 0: any
}

// module of a patch, checked.
type module struct {
	id     string
	kind   int // dsp wire id
	inputs []int
	values []float64 // by the kind's parameters
}

// Load reads a patch: a built-in one by its name, else the file of that path. "heavy" measures this machine for some tens of
// milliseconds, "heavy:N" does not.
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

// Name is what the patch was loaded or parsed as; for a built-in one, Load of it gives the same patch again.
func (p *Patch) Name() string { return p.name }

// Text is the TOML. Parse of Name and Text gives the same patch again. The caller must not write to it.
func (p *Patch) Text() []byte { return p.text }
