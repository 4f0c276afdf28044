package supervisor

import (
	"log/slog"
	"time"

	"chronus/engine/clock"
	"chronus/engine/control"
	"chronus/engine/internal/process"
	"chronus/engine/internal/ring"
)

const (
	tickEvery = 20 * time.Millisecond
	// tickMost is the most that counts of the time between two ticks.
	tickMost = 5 * tickEvery
	// startLimit is how long a worker may take to be ready.
	startLimit = 5 * time.Second
	// playerStartLimit is how long a player may take to announce its first
	// block, apart from the lead. It is started on the clock, whatever its
	// device does.
	playerStartLimit = 3 * time.Second
	// reapLimit is how long a known death may wait for its wait status before
	// it is reported without.
	reapLimit = time.Second
	// leaveLimit is how long a worker may take to exit after its leave notice.
	leaveLimit = time.Second
	// fadeLimit is how long the player may take to fade out, besides the blocks
	// that it may have to wait for.
	fadeLimit = 500 * time.Millisecond
	// surplusBlocks is for how many blocks more workers than replicas must have
	// rendered before one of them is made idle again.
	surplusBlocks = 64
)

// tick finds what no event announces: hangs, processes that do not start or do
// not exit, and more renderers than needed. Time counts as far as the
// supervisor has observed it: while the host is stopped, a process may have had
// no chance to be seen.
func (s *Supervisor) tick(now time.Time, dt time.Duration) {
	late := s.overslept.Swap(false)
	dt = min(dt, tickMost)
	s.observed += dt
	sealed := s.pool.Player.Exists()
	for i := range s.slots {
		w := &s.slots[i]
		s.pool.restate(i, w.Generation)
		w.waited += dt
		switch w.State {
		case process.Starting:
			s.tickStarting(i)
		case process.Live:
			s.tickLive(i, sealed, dt, late)
		case process.Down:
			if !w.reported && w.waited > reapLimit {
				s.report(i, "exiting")
			}
			if w.waited > leaveLimit && w.proc != nil {
				_ = w.proc.Kill()
			}
		}
	}
	s.playerTick(now, dt, late)
	s.retire(sealed)
	s.tickBurden()
	s.tickOOM()
	for _, line := range []*tally{&s.lost, &s.xruns, &s.unstarted} {
		line.flush(s.observed)
	}
}

func (s *Supervisor) tickStarting(i int) {
	w := &s.slots[i]
	if w.waited <= startLimit || w.Hung {
		return
	}
	w.Hung = true
	s.publish(i, control.Event{TNS: clock.Now(), Kind: control.WorkerHung, Cause: "not ready in time"})
	if w.proc != nil { // otherwise spawned kills it
		_ = w.proc.Kill()
	}
}

// tickLive counts a worker that is restoring as one that renders: it publishes
// nothing, so a hang in either looks the same.
func (s *Supervisor) tickLive(i int, sealed uint64, dt time.Duration, late bool) {
	w := &s.slots[i]
	done := s.pool.Claims(i, s.pool.Player.Exists())
	if !s.pool.Wanted(i) {
		done = sealed
	}
	if !w.progress.observe(done, sealed, dt, s.pool.hangLimit(), late) || w.Hung {
		return
	}
	w.Hung = true
	s.publish(i, control.Event{
		TNS: clock.Now(), Kind: control.WorkerHung, Cause: "no progress for " + s.pool.hangLimit().String(),
		Phase: ring.Phase(s.pool.Rings[i].Cursor.Load()),
	})
	s.log(i, slog.LevelWarn, "hung, killing it", "blocks_behind", sealed-done)
	_ = w.proc.Kill()
}

// retire makes a worker idle again when more workers than replicas have
// rendered for a while, because one was late and has caught up. It picks the
// one that was activated last, but neither the one that is heard nor one that
// stands still, which hang detection deals with.
func (s *Supervisor) retire(sealed uint64) {
	pick, newest, have := -1, int64(-1), 0
	for i := range s.slots {
		if s.slots[i].State != process.Live || !s.pool.Renders(i) {
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
