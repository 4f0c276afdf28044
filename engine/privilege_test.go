//go:build linux

package engine

import (
	"bytes"
	"fmt"
	"log/slog"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatIsNotGrantedIsNamed(t *testing.T) {
	const space = 1 << 30
	for name, c := range map[string]struct {
		has  privilege
		want string
	}{
		"all":                     {privilege{fifo: true, memlock: math.MaxUint64, space: space}, ""},
		"enough memory":           {privilege{fifo: true, memlock: space, space: space}, ""},
		"memory by capability":    {privilege{fifo: true, ipcLock: true, space: space}, ""},
		"no memory":               {privilege{fifo: true, memlock: 8 << 20, space: space}, "locked memory (memlock limit 8192 KiB)"},
		"no priority":             {privilege{memlock: math.MaxUint64, space: space}, "SCHED_FIFO (rtprio limit 0, 20 needed)"},
		"too little priority":     {privilege{rtprio: 19, ipcLock: true}, "SCHED_FIFO (rtprio limit 19, 20 needed)"},
		"neither":                 {privilege{memlock: 65536, space: space}, "SCHED_FIFO (rtprio limit 0, 20 needed) and locked memory (memlock limit 64 KiB)"},
		"refused all the same":    {privilege{rtprio: 20, ipcLock: true}, "SCHED_FIFO (refused despite an rtprio limit of 20: a container or control group forbids it)"},
		"no address space figure": {privilege{fifo: true}, ""},
	} {
		require.Equal(t, c.want, c.has.missing(), name)
	}
}

func TestMissingPrivilegeIsOneLineThatHelps(t *testing.T) {
	var b bytes.Buffer
	warnPrivilege(&Config{Lead: 10, Frames: 256, Rate: 44100, Log: slog.New(slog.NewTextHandler(&b, nil))}, false)
	require.Equal(t, 1, strings.Count(b.String(), "\n"))
	for _, s := range []string{"SCHED_FIFO", "rtprio 20", "memlock unlimited", "limits.conf", "setcap cap_sys_nice,cap_ipc_lock+ep ", "--systemd-unit", "lead_ms=58"} {
		require.Contains(t, b.String(), s)
	}
}

func TestAddressSpaceIsWhatTheKernelReports(t *testing.T) {
	var kib uint64
	text, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, size, ok := strings.Cut(string(text), "\nVmSize:")
	require.True(t, ok)
	_, err = fmt.Sscan(size, &kib)
	require.NoError(t, err)
	// The address space may grow between the two readings, but not by half.
	require.InEpsilon(t, kib*1024, measurePrivilege(true).space, 0.5)
}
