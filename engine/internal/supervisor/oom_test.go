package supervisor

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/control"
	"chronus/engine/internal/process"
)

func TestMemoryIsTakenFromSparesFirst(t *testing.T) {
	require.Greater(t, oomScores[control.RoleSpare], oomScores[control.RoleStandby])
	require.Greater(t, oomScores[control.RoleStandby], oomScores[control.RolePrimary])
	require.Positive(t, oomScores[control.RolePrimary], "host and player have the score that they were started with")

	s, _ := unstartedSupervisor(t)
	stands := exec.Command("sleep", "600")
	require.NoError(t, stands.Start())
	defer func() {
		_ = stands.Process.Kill()
		_ = stands.Wait()
	}()
	s.slots[1].Info = process.Info{State: process.Live, PID: stands.Process.Pid}
	s.slots[1].proc = stands.Process
	score := func() string {
		s.tickOOM()
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", stands.Process.Pid))
		require.NoError(t, err)
		return strings.TrimSpace(string(text))
	}
	require.Equal(t, "900", score())
	s.pool.Host.Slots[1].Activate.Store(1)
	require.Equal(t, "600", score(), "promoted")
}
