//go:build linux

package comm

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheThreadHasTheName(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	name := func() string {
		text, err := os.ReadFile("/proc/thread-self/comm")
		require.NoError(t, err)
		return strings.TrimSpace(string(text))
	}
	defer Set(name())
	Set("chronus-portaudio")
	require.Equal(t, "chronus-portaud", name(), "15 bytes, as after an exec")
	Set("x")
	require.Equal(t, "x", name(), "and nothing of the longer one")
}
