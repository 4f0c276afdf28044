package supervisor

import (
	"fmt"
	"os"

	"chronus/engine/control"
	"chronus/engine/internal/process"
)

// oomScores is by how much the kernel prefers a worker to the host and the
// player when memory runs out (proc_pid_oom_score_adj(5)): a spare first, then
// the standby, then the primary. An engine without a host or a player is over,
// and the host is the largest of its processes. Unprivileged processes may
// raise the score, and lower it again as far as it was when they started.
var oomScores = map[string]int{
	control.RoleSpare:   900,
	control.RoleStandby: 600,
	control.RolePrimary: 300,
}

// tickOOM gives every worker the score that goes with its role. An error is of
// no use to anyone: the process has just died, or /proc is not mounted.
func (s *Supervisor) tickOOM() {
	for i := range s.slots {
		w := &s.slots[i]
		if w.proc == nil || w.State != process.Starting && w.State != process.Live {
			continue
		}
		if score := oomScores[s.role(i)]; score != w.oomScore {
			w.oomScore = score
			_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", w.PID), fmt.Append(nil, score), 0)
		}
	}
}
