package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"chronus/engine/control"
)

// Targets beside the roles of workers. both stands for the primary and the
// first standby, all for every worker, spares included, and the player.
const (
	both       = "both"
	all        = "all"
	rolePlayer = "player"
)

var (
	workerTargets   = []string{control.RolePrimary, control.RoleStandby, control.RoleSpare, both}
	killTargets     = append(slices.Clone(workerTargets), all)
	stopTargets     = append(slices.Clone(workerTargets), rolePlayer)
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
		return []Victim{player(s)}, nil
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
		if w.State != control.WorkerDead && (w.Role == target || target == both && renders || target == all) {
			found = append(found, victim(w))
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("fault: no %s to hit", target)
	}
	switch target {
	case all:
		return append(found, player(s)), nil
	case both:
		return found[:min(2, len(found))], nil
	}
	return found[:1], nil
}

func victim(w *control.Worker) Victim {
	return Victim{Role: w.Role, Slot: w.Slot, PID: w.PID, Generation: w.Generation}
}

func player(s *control.Status) Victim {
	return Victim{Role: rolePlayer, Slot: PlayerSlot, PID: s.Player.PID}
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
