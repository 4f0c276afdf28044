package supervisor

import (
	"log/slog"
	"time"

	"chronus/engine/clock"
	"chronus/engine/control"
	"chronus/engine/internal/ring"
)

const (
	tickEvery = 20 * time.Millisecond
	// startLimit is how long a process may take to be of use.
	startLimit = 5 * time.Second
	// reapLimit is how long a known death may wait for its wait status before it is reported without.
	reapLimit = time.Second
	// leaveLimit is how long a worker may take to go after its leave notice.
	leaveLimit = time.Second
	// fadeLimit is how long the player may take to fade out.
	fadeLimit = 500 * time.Millisecond
	// surplusBlocks is how long more workers than replicas must have rendered before one is made idle again.
	surplusBlocks = 64
)

// tick does what no event asks for: hangs, processes that do not start or do not go, workers more than needed.
func (s *Supervisor) tick(now time.Time, dt time.Duration) {
	late := s.overslept.Swap(false)
	sealed := s.pool.Player.Sealed.Load()
	for i := range s.slots {
		w := &s.slots[i]
		switch w.state {
		case starting:
			if now.Sub(w.since) > startLimit && !w.hung {
				w.hung = true
				s.publish(i, control.Event{TNS: clock.Now(), Kind: control.WorkerHung, Cause: "not ready in time"})
				if w.proc != nil { // else it is killed as soon as it is there
					_ = w.proc.Kill()
				}
			}
		case live:
			// a worker that is restoring publishes nothing, so both count
			done := s.pool.Rings[i].Published.Load()
			if !s.pool.Wanted(i) {
				done = sealed
			}
			if w.progress.observe(done, sealed, dt, s.pool.hangLimit(), late) && !w.hung {
				w.hung = true
				s.publish(i, control.Event{
					TNS: clock.Now(), Kind: control.WorkerHung, Cause: "no progress for " + s.pool.hangLimit().String(),
					Phase: ring.Phase(s.pool.Rings[i].Cursor.Load()),
				})
				s.log(i, slog.LevelWarn, "hung, killing it", "blocks_behind", sealed-done)
				_ = w.proc.Kill()
			}
			if now.Sub(w.since) > longPause {
				s.restarts.worked()
			}
		case down:
			if !w.reported && now.Sub(w.since) > reapLimit {
				s.report(i, "exiting")
			}
			if now.Sub(w.since) > leaveLimit && w.proc != nil {
				_ = w.proc.Kill()
			}
		}
	}
	s.playerTick(now, dt, late)
	s.retire(sealed)
}

// retire makes a worker idle again when more than the replicas have rendered for a while: one was late and came back. It is
// the last one to be activated, but neither the one that is heard nor one that stands still: that one's affair is the hang.
func (s *Supervisor) retire(sealed uint64) {
	pick, newest, have := -1, int64(0), 0
	for i := range s.slots {
		if s.slots[i].state != live || !s.pool.Renders(i) {
			continue
		}
		have++
		at := s.pool.ActivatedNS(i)
		if at > newest && int32(i) != s.pool.Player.Primary.Load() && s.slots[i].progress.idle == 0 {
			pick, newest = i, at
		}
	}
	if have <= int(s.pool.Host.Geo.Replicas) {
		s.surplus = sealed
		return
	}
	if sealed-s.surplus < surplusBlocks || pick < 0 {
		return
	}
	s.surplus = sealed
	s.roll.Lock()
	s.pool.Host.Slots[pick].Idle.Store(s.pool.Term(pick))
	s.roll.Unlock()
	s.publish(pick, control.Event{TNS: clock.Now(), Kind: control.WorkerRetired})
	s.log(pick, slog.LevelInfo, "idle again: more workers than replicas rendered")
}
