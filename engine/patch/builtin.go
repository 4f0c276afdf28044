package patch

import (
	"embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed builtin/*.toml
var files embed.FS

// Builtin lists the names of the built-in patches. heavy may carry its size, heavy:N.
func Builtin() []string { return []string{"sine", "steps", "heavy"} }

// builtin gives the text of a built-in patch and the name it is known by from then on, or no text.
func builtin(name string) (fullName string, text []byte, err error) {
	switch name {
	case "sine", "steps":
		text, err = files.ReadFile("builtin/" + name + ".toml")
		return name, text, err
	case "heavy":
		n, err := calibrate()
		if err != nil {
			return "", nil, err
		}
		return fmt.Sprintf("heavy:%d", n), heavy(n), nil
	}
	size, ok := strings.CutPrefix(name, "heavy:")
	if !ok {
		return "", nil, nil
	}
	n, err := strconv.Atoi(size)
	if err != nil || n < 1 || n > maxHeavy {
		return "", nil, fmt.Errorf("patch: %s: the number of sines must be in 1..%d", name, maxHeavy)
	}
	return fmt.Sprintf("heavy:%d", n), heavy(n), nil
}
