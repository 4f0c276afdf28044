package play

import (
	"context"
	"fmt"
	"slices"
	"time"

	"chronus/engine/control"
	"chronus/harness/fault"
	"chronus/harness/record"
	"chronus/harness/target"
)

// engine is the running engine.
type engine struct {
	*target.Target
	log   *eventLog
	heaps *heaps
	block time.Duration
	// deaf is set if the engine's device is one that it must not play on: what
	// became of it is no part of being whole.
	deaf bool
}

// subject is what a fault sees of the engine.
type subject struct {
	*engine
	*commander
}

// Status returns the engine's status, of which the heaps keep a reading.
func (e *engine) Status(ctx context.Context) (*control.Status, error) {
	status, err := e.Target.Status(ctx)
	if err == nil {
		e.heaps.see(status)
	}
	return status, err
}

// settle waits for a started engine to play with all its redundancy, on its
// device if it has one, or, if it must not play on that, until it has refused
// it. It returns the status that showed it, also beside an
// error about what it plays.
func (e *engine) settle(ctx context.Context, want record.Engine, device bool) (*control.Status, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*mendLimit, fmt.Errorf("not whole within %s", 2*mendLimit))
	defer cancel()
	err := e.log.wait(ctx, func(window []record.Event) bool {
		return contains(window, control.EngineStarted) && (!device || contains(window, control.SinkRestored)) &&
			(!e.deaf || contains(window, control.SinkLost))
	})
	if err != nil {
		return nil, err
	}
	status, err := e.awaitWhole(ctx, nil)
	if err != nil {
		return nil, err
	}
	if status.Frames != want.Frames || status.Rate != want.Rate {
		return status, fmt.Errorf("it plays blocks of %d frames at %d Hz, not %d at %d",
			status.Frames, status.Rate, want.Frames, want.Rate)
	}
	return status, nil
}

func contains(window []record.Event, kind string) bool {
	for _, e := range window {
		if e.Kind == kind {
			return true
		}
	}
	return false
}

// awaitWhole waits until the engine plays with all its redundancy, spares
// included, and without any of the victims. It returns the status that showed
// it. A new player must have played, and longer than the lead: what dead
// workers had finished is heard by then, and every switch that it delays has
// come.
func (e *engine) awaitWhole(ctx context.Context, victims []record.Victim) (*control.Status, error) {
	last := "it has not answered"
	var first *control.Status // that shows none of the victims
	after := uint64(0)        // blocks that must have been played since
	for {
		status, err := e.Status(ctx)
		if err == nil && first == nil && !shows(status, victims) {
			first = status
			if hitsPlayer(victims) {
				after = uint64(status.Lead) + 2
			}
		}
		switch {
		case err == nil && (e.deaf && whole(withoutDevice(status)) || whole(status)) &&
			first != nil && status.Block >= first.Block+after:
			return status, nil
		case err == nil:
			last = fmt.Sprintf("%s, %v", status.State, workers(status))
		case ctx.Err() == nil:
			return nil, err
		}
		select {
		case <-time.After(e.block / 4):
		case <-ctx.Done():
			return nil, fmt.Errorf("not whole: %s: %w", last, context.Cause(ctx))
		}
	}
}

// shows reports whether a status still has one of the victims that must die.
func shows(s *control.Status, victims []record.Victim) bool {
	return slices.ContainsFunc(victims, func(v record.Victim) bool {
		works := func(w control.Worker) bool { return w.PID == v.PID }
		return !v.Survives && !v.MayDie && (v.PID == s.Player.PID || slices.ContainsFunc(s.Workers, works))
	})
}

func hitsPlayer(victims []record.Victim) bool {
	return slices.ContainsFunc(victims, func(v record.Victim) bool { return v.Slot == fault.PlayerSlot })
}

// whole reports whether exactly as many workers render and as many spares wait
// as there should be, and the sound is played.
func whole(s *control.Status) bool {
	rendering, idle := 0, 0
	for _, w := range s.Workers {
		switch {
		case w.State == control.WorkerRendering && w.Role != control.RoleSpare:
			rendering++
		case w.State == control.WorkerIdle && w.Role == control.RoleSpare:
			idle++
		default:
			return false
		}
	}
	heard := s.Device == nil || s.Device.State == control.DevicePlaying
	return s.State == control.StatePlaying && heard && s.Player.PID != 0 && rendering == s.Replicas && idle == s.Spares
}

// withoutDevice returns the status as if the engine's sink were none.
func withoutDevice(s *control.Status) *control.Status {
	without := *s
	without.Device = nil
	return &without
}

func workers(s *control.Status) []string {
	var all []string
	for _, w := range s.Workers {
		all = append(all, fmt.Sprintf("%s %d %s", w.Role, w.Slot, w.State))
	}
	return all
}
