package supervisor

import (
	"os"
	"time"

	"chronus/engine/clock"
	"chronus/engine/control"
	"chronus/engine/internal/process"
	"chronus/engine/internal/shm"
)

// reconcile starts the processes that are missing and notices when none is.
func (s *Supervisor) reconcile() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return
	}
	geo := &s.pool.Host.Geo
	want := int(geo.Replicas) + s.cfg.Spares
	have, rendering, idle, stuck := 0, 0, 0, false
	for i := range s.slots {
		w := &s.slots[i]
		stuck = stuck || w.progress.idle > 0
		if w.State == process.Starting || w.State == process.Live {
			have++
		}
		switch {
		case w.State != process.Live:
		case s.pool.Idle(i):
			idle++
		case !s.pool.Renders(i):
		case s.pool.Rings[i].State.Load() == shm.StateRendering, s.player.State == process.Free:
			rendering++
		}
	}
	for ; have < want && s.restarts.ready(time.Now()); have++ {
		if !s.start() {
			break
		}
	}
	whole := rendering >= int(geo.Replicas) && rendering+idle >= want
	if whole && s.player.State == process.Free {
		s.startPlayer()
	}
	if whole && s.failover.Mending {
		s.mended()
	}
	if whole && !stuck {
		s.calmLost = s.pool.Player.Lost.Load()
	}
}

// mended reports that there are again as many workers and spares as before the
// deaths that were being mended.
func (s *Supervisor) mended() {
	now := clock.Now()
	s.failover.Mending, s.failover.MendNS = false, now-s.mendFrom
	s.publish(-1, control.Event{TNS: now, Kind: control.RedundancyRestored})
	s.cfg.Log.Info("redundancy restored", "role", "host", "pid", os.Getpid(),
		"took_ms", ms(s.failover.MendNS), "lost_frames", s.cost())
}

// cost returns how many frames were lost since everything was last whole.
func (s *Supervisor) cost() uint64 { return s.pool.Player.Lost.Load() - s.calmLost }

// ms returns a duration in ms for log lines, cut to hundredths.
func ms(ns int64) float64 { return float64(ns/1e4) / 100 }
