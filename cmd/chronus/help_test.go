//go:build linux

package main

import (
	"io"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// quietParser returns the parser of the command line, which writes nothing.
func quietParser(t *testing.T) *kong.Kong {
	t.Helper()
	parser, err := newParser(io.Discard, io.Discard)
	require.NoError(t, err)
	return parser
}

// TestEveryFlagIsAVariableOfTheEnvironment walks the whole command line. The
// names that others rely on are listed.
func TestEveryFlagIsAVariableOfTheEnvironment(t *testing.T) {
	parser := quietParser(t)
	seen := map[string]bool{}
	require.NoError(t, kong.Visit(parser.Model, func(n kong.Visitable, next kong.Next) error {
		if f, ok := n.(*kong.Flag); ok && f.Name != "help" && f.Name != "version" {
			want := "CHRONUS_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
			require.Equal(t, []string{want}, f.Envs, f.Name)
			seen[want] = true
		}
		return next(nil)
	}))
	for _, name := range []string{"CHRONUS_OSC_HOST", "CHRONUS_OSC_PORT", "CHRONUS_VERBOSE", "CHRONUS_PULSE_SERVER", "CHRONUS_LOG", "CHRONUS_LOG_LEVEL"} {
		require.True(t, seen[name], name)
	}
}

func TestHelpFitsATerminal(t *testing.T) {
	parser := quietParser(t)
	for _, node := range parser.Model.Leaves(true) {
		command := node.Name
		code, out, errOut := call(command, "--help")
		require.Equal(t, exitPass, code)
		require.Empty(t, errOut)
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		require.LessOrEqual(t, len(lines), 24, out)
		for _, l := range lines {
			require.LessOrEqual(t, len(l), helpWidth, l)
			require.Equal(t, strings.TrimRight(l, " "), l)
		}
		require.Regexp(t, "^Usage: chronus "+command+"[ \n]", out)
		require.Contains(t, out, "-h, --help")
		require.Equal(t, len(node.Flags) > 0, strings.Contains(out, "CHRONUS_OSC_PORT"), out)
	}
	_, out, _ := call("replay", "--help")
	require.Contains(t, out, "<tape>")
}
