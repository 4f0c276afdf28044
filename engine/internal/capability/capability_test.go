package capability

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSetsAreTheKernels compares every capability with the sets that
// proc_pid_status(5) shows.
func TestSetsAreTheKernels(t *testing.T) {
	f, err := os.Open("/proc/thread-self/status")
	require.NoError(t, err)
	defer f.Close()
	sets := map[string]uint64{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, hex, ok := strings.Cut(lines.Text(), ":\t"); ok && strings.HasPrefix(name, "Cap") {
			sets[name], err = strconv.ParseUint(hex, 16, 64)
			require.NoError(t, err)
		}
	}
	require.Contains(t, sets, "CapEff")
	require.Contains(t, sets, "CapPrm")
	for c := range uint(64) {
		require.Equal(t, sets["CapEff"]>>c&1 != 0, Effective(c), "effective %d", c)
		require.Equal(t, sets["CapPrm"]>>c&1 != 0, Permitted(c), "permitted %d", c)
	}
}
