package rig

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/patch"
)

// Compile compiles the text of a patch for 44100 Hz and blocks of 256 frames.
func Compile(t testing.TB, text string) *patch.Compiled {
	t.Helper()
	p, err := patch.Parse("test", []byte(text))
	require.NoError(t, err)
	code, err := p.Compile(44100, 256)
	require.NoError(t, err)
	return code
}
