package supervisor

import (
	"context"
	"log/slog"

	"chronus/engine/control"
	"chronus/engine/internal/process"
)

// publish publishes an event about slot i (-1: about none) with the process
// that owns the slot now.
func (s *Supervisor) publish(i int, e control.Event) {
	var pid int
	var gen uint32
	if i >= 0 {
		pid, gen = s.slots[i].PID, s.slots[i].Generation
	}
	s.publishAs(i, gen, pid, e)
}

func (s *Supervisor) publishAs(i int, gen uint32, pid int, e control.Event) {
	e.Slot, e.PID, e.Generation = i, pid, gen
	if e.Block == 0 {
		e.Block = s.pool.Player.Playout.Load()
	}
	s.cfg.Publish(e)
}

// log logs a line about the worker in slot i.
func (s *Supervisor) log(i int, level slog.Level, msg string, args ...any) {
	w := &s.slots[i]
	about := []any{"role", s.role(i), "slot", i, "pid", w.PID, "generation", w.Generation}
	s.cfg.Log.Log(context.Background(), level, "worker "+msg, append(about, args...)...)
}

func (s *Supervisor) role(i int) string { return control.RoleOf(&s.pool.Roster, i) }

// Inspect calls f with a copy of what the supervisor holds about its processes.
// Until f returns no process is started, so no ring changes its owner; f must
// be quick.
func (s *Supervisor) Inspect(f func(control.Processes)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := control.Processes{
		Workers: make([]process.Info, len(s.slots)), Player: s.player.Info, Device: s.player.device,
		Failover: s.failover, Restarted: s.restarted, Stopping: s.stopping,
	}
	for i := range s.slots {
		p.Workers[i] = s.slots[i].Info
	}
	f(p)
}
