package supervisor

import (
	"fmt"
	"os"

	"chronus/engine/clock"
	"chronus/engine/control"
	"chronus/engine/internal/policy"
	"chronus/engine/internal/process"
	"chronus/engine/internal/shm"
)

// reconcile does what the policy decides.
func (s *Supervisor) reconcile() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return
	}
	d := s.policy.Decide(s.view())
	if d.Fail != nil {
		s.fail(fmt.Errorf("supervisor: %w", d.Fail))
		return
	}
	s.stall(&d)
	for _, slot := range d.Workers {
		s.start(slot)
	}
	if d.Player {
		s.startPlayer()
	}
	if !d.Whole {
		return
	}
	if s.failover.Mending {
		s.mended()
	}
	if !s.stuck() {
		s.calmLost = s.pool.Player.Lost.Load()
	}
}

// view returns what the policy decides on. What the rings hold is only looked
// up if a process is missing, because nothing else depends on it.
func (s *Supervisor) view() policy.View {
	geo, region := &s.pool.Host.Geo, s.pool.Player
	v := policy.View{
		Now: s.observed, Slots: make([]policy.Slot, len(s.slots)),
		Player: s.player.State, Playout: region.Played(), Lost: region.Lost.Load() / uint64(geo.Frames),
	}
	have := 0
	for i := range s.slots {
		w, to := &s.slots[i], &v.Slots[i]
		to.State = w.State
		if w.State == process.Starting || w.State == process.Live {
			have++
		}
		to.Idle = s.pool.Idle(i)
		to.Renders = s.pool.Renders(i) &&
			(s.pool.Rings[i].State.Load() == shm.StateRendering || s.player.State == process.Free)
	}
	if have >= int(geo.Replicas)+s.cfg.Spares && s.player.State != process.Free {
		return v
	}
	for i := range s.slots {
		w, to := &s.slots[i], &v.Slots[i]
		if w.State == process.Free || w.State == process.Starting {
			continue
		}
		to.Holds, to.Unplayed = w.newest, s.pool.unplayed(i, v.Playout)
		if w.State != process.Exited {
			to.Holds = s.pool.newest(i, false)
		}
	}
	return v
}

// stuck reports whether a worker has made no progress since the last tick
// although it should have.
func (s *Supervisor) stuck() bool {
	for i := range s.slots {
		if s.slots[i].progress.idle > 0 {
			return true
		}
	}
	return false
}

// stall reports that no sound comes or that it comes again, and ends what runs
// without effect, so that it is replaced.
func (s *Supervisor) stall(d *policy.Decision) {
	if d.Stalled != "" {
		s.publish(-1, control.Event{TNS: clock.Now(), Kind: control.Stalled, Cause: d.Stalled})
		s.cfg.Log.Error("no sound: "+d.Stalled, "role", "host", "pid", os.Getpid())
	}
	if d.Resumed > 0 {
		s.publish(-1, control.Event{TNS: clock.Now(), Kind: control.Resumed, DurNS: d.Resumed.Nanoseconds()})
		s.cfg.Log.Info("sound again", "role", "host", "pid", os.Getpid(), "after_ms", ms(d.Resumed.Nanoseconds()))
	}
	if d.RenewPlayer && s.player.proc != nil {
		s.cfg.Log.Warn("killing the player, which hands out nothing", s.player.about()...)
		_ = s.player.proc.Kill()
	}
	if !d.RenewWorkers {
		return
	}
	s.cfg.Log.Warn("killing the workers, which deliver nothing", "role", "host", "pid", os.Getpid())
	for i := range s.slots {
		if w := &s.slots[i]; w.State == process.Live && w.proc != nil {
			_ = w.proc.Kill()
		}
	}
}

// mended reports that there are again as many workers and spares as before the
// deaths that were being mended.
func (s *Supervisor) mended() {
	now := clock.Now()
	s.failover.Mending, s.failover.MendNS = false, now-s.mendFrom
	s.publish(-1, control.Event{TNS: now, Kind: control.RedundancyRestored})
	s.cfg.Log.Info("redundancy restored", "role", "host", "pid", os.Getpid(),
		"took_ms", ms(s.failover.MendNS), "lost_frames", s.cost(), "failed_starts", s.unready)
	s.unready = 0
	s.unstarted.drop()
}

// cost returns how many frames were lost since everything was last whole.
func (s *Supervisor) cost() uint64 { return s.pool.Player.Lost.Load() - s.calmLost }

// ms returns a duration in ms for log lines, cut to hundredths.
func ms(ns int64) float64 { return float64(ns/1e4) / 100 }
