package play

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The figures of the library against the kernel's own text.
func TestThisMachineIsWhatTheKernelReports(t *testing.T) {
	m := ThisMachine()
	cpus, err := os.ReadFile("/proc/cpuinfo")
	require.NoError(t, err)
	if _, rest, ok := strings.Cut(string(cpus), "\nmodel name\t: "); ok {
		name, _, _ := strings.Cut(rest, "\n")
		require.Equal(t, strings.TrimSpace(name), m.CPU)
	} else {
		require.Equal(t, runtime.GOARCH, m.CPU)
	}
	memory, err := os.ReadFile("/proc/meminfo")
	require.NoError(t, err)
	var total int64
	for line := range strings.Lines(string(memory)) {
		if f := strings.Fields(line); f[0] == "MemTotal:" {
			total, err = strconv.ParseInt(f[1], 10, 64)
			require.NoError(t, err)
		}
	}
	require.Equal(t, total*1024, m.Memory)
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(string(release)), m.Kernel)
}
