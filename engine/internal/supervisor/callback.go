package supervisor

import (
	"context"
	"log/slog"

	"chronus/engine/control"
	"chronus/engine/internal/shm"
)

// playerEvents publishes the events that the callback left since the last call.
func (s *Supervisor) playerEvents() {
	region := s.pool.Player
	for n := region.NextEvent(s.events); n > 0; n = region.NextEvent(s.events) {
		s.events = n
		q := &region.Queue[(n-1)%shm.EventCount]
		e := control.Event{
			TNS: q.EntryNS, Block: q.Block, Slot: int(q.Slot), EntryNS: q.EntryNS, ReturnNS: q.ReturnNS,
		}
		kind, from, value := q.Kind, int(q.From), q.Value
		if q.Index.Load() != s.events {
			continue // overwritten while it was read
		}
		s.playerEvent(e, kind, from, value)
	}
}

// playerEvent publishes e, to which it adds what its kind needs.
func (s *Supervisor) playerEvent(e control.Event, kind uint32, from int, value int64) {
	log := func(level slog.Level, msg string, args ...any) {
		about := append(s.player.about(), "block", e.Block)
		s.cfg.Log.Log(context.Background(), level, msg, append(about, args...)...)
	}
	switch kind {
	case shm.EventSwitched:
		e.Kind, e.FromSlot = control.Switched, &from
		f := &s.failover
		f.TNS, f.Block, f.FromSlot, f.Slot, f.SwitchNS = e.TNS, e.Block, from, e.Slot, e.ReturnNS-e.EntryNS
		level := slog.LevelInfo
		if s.pool.Alive(from) {
			level = slog.LevelDebug // it was only late, and on a device with large bursts often is
		}
		log(level, "switched", "from", from, "to", e.Slot, "took_us", f.SwitchNS/1000)
	case shm.EventLost:
		e.Kind, e.Frames = control.FramesLost, uint64(value)
		s.lost.addSum(s.observed, value, func(n int, frames int64) {
			log(slog.LevelError, "frames lost", "frames", frames, "blocks", n)
		})
	case shm.EventXrun:
		e.Kind, e.DurNS = control.Xrun, value
		s.xruns.add(s.observed, func(n int, _ int64) {
			log(slog.LevelWarn, "xrun: the machine called back late", "late_ms", ms(value), "xruns", n)
		})
	default:
		return // a spare that the callback activated: reported when it renders
	}
	if e.Slot >= 0 {
		e.PID, e.Generation = s.slots[e.Slot].PID, s.slots[e.Slot].Generation
	}
	s.cfg.Publish(e)
}
