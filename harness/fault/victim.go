package fault

import (
	"context"
	"errors"
	"fmt"

	"chronus/engine/control"
)

// Targets beside the roles of workers. both stands for the primary and the
// first standby.
const (
	both       = "both"
	rolePlayer = "player"
)

var (
	workerTargets   = []string{control.RolePrimary, control.RoleStandby, control.RoleSpare, both}
	survivorTargets = []string{control.RolePrimary, control.RoleStandby}
	crashTargets    = []string{control.RolePrimary, control.RoleStandby, control.RoleSpare, rolePlayer}
)

// aim asks the engine for its status and chooses the victims from it.
func aim(ctx context.Context, e Engine, target string) (*control.Status, []Victim, error) {
	status, err := e.Status(ctx)
	if err != nil {
		return nil, nil, err
	}
	victims, err := choose(status, target)
	return status, victims, err
}

// choose returns the victims for a target, given the status of a whole engine.
func choose(s *control.Status, target string) ([]Victim, error) {
	if target == rolePlayer {
		return []Victim{{Role: rolePlayer, Slot: PlayerSlot, PID: s.Player.PID}}, nil
	}
	if target == control.RoleSpare {
		w := nextSpare(s)
		if w == nil {
			return nil, errors.New("fault: no idle spare to hit")
		}
		return []Victim{victim(w)}, nil
	}
	var found []Victim
	for i := range s.Workers {
		w := &s.Workers[i]
		renders := w.Role == control.RolePrimary || w.Role == control.RoleStandby
		if w.State != control.WorkerDead && (w.Role == target || target == both && renders) {
			found = append(found, victim(w))
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("fault: no %s to hit", target)
	}
	most := 1
	if target == both {
		most = 2
	}
	return found[:min(most, len(found))], nil
}

func victim(w *control.Worker) Victim {
	return Victim{Role: w.Role, Slot: w.Slot, PID: w.PID, Generation: w.Generation}
}

// nextSpare predicts which spare will take the place of the primary: the idle
// one in the lowest slot. It returns nil if no spare is idle.
func nextSpare(s *control.Status) (next *control.Worker) {
	for i := range s.Workers {
		w := &s.Workers[i]
		if w.Role == control.RoleSpare && w.State == control.WorkerIdle && (next == nil || w.Slot < next.Slot) {
			next = w
		}
	}
	return next
}
