//go:build linux

package comm

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryThreadHasTheName(t *testing.T) {
	old, err := os.ReadFile("/proc/self/comm")
	require.NoError(t, err)
	defer Set(string(old))
	Set("chronus-portaudio")
	threads, err := filepath.Glob("/proc/self/task/*/comm")
	require.NoError(t, err)
	require.Greater(t, len(threads), 1)
	for _, path := range append(threads, "/proc/self/comm") {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, "chronus-portaud\n", string(text), "15 bytes, as after an exec")
	}
}
