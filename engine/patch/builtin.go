package patch

import (
	"embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

//go:embed builtin/*.toml
var files embed.FS

// Builtin returns the names of the built-in patches. heavy may be followed by
// its size in sines, as heavy:N, or by the share of its own duration that a
// block should take to render on this machine, as heavy:N%.
func Builtin() []string { return append(slices.Clone(inFiles), "heavy") }

// inFiles are the built-in patches that are files, builtin/NAME.toml.
var inFiles = []string{"sine", "voice", "steps", "noise"}

// builtin returns the text of a built-in patch and its full name, which
// contains what was measured. text is nil if there is no such patch.
func builtin(name string) (fullName string, text []byte, err error) {
	if slices.Contains(inFiles, name) {
		text, err = files.ReadFile("builtin/" + name + ".toml")
		return name, text, err
	}
	if name == "heavy" {
		return calibrated(heavyShare)
	}
	size, ok := strings.CutPrefix(name, "heavy:")
	if !ok {
		return "", nil, nil
	}
	if share, ok := strings.CutSuffix(size, "%"); ok {
		n, err := strconv.Atoi(share)
		if err != nil || n < 1 || n > 99 {
			return "", nil, fmt.Errorf("patch: %s: the share must be in 1..99%%", name)
		}
		return calibrated(float64(n) / 100)
	}
	n, err := strconv.Atoi(size)
	if err != nil || n < 1 || n > maxHeavy {
		return "", nil, fmt.Errorf("patch: %s: the number of sines must be in 1..%d", name, maxHeavy)
	}
	return fmt.Sprintf("heavy:%d", n), heavy(n), nil
}

// calibrated returns heavy with as many sines as it takes for a block to need
// that share of its own duration on this machine.
func calibrated(share float64) (fullName string, text []byte, err error) {
	n, err := calibrate(share)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("heavy:%d", n), heavy(n), nil
}
