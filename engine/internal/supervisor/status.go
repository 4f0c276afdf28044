package supervisor

import (
	"context"
	"log/slog"
	"sort"
	"time"

	"chronus/engine/control"
	"chronus/engine/internal/shm"
)

// publish sends an event of a slot (-1: of none), with the process that owns it now.
func (s *Supervisor) publish(i int, e control.Event) {
	var pid int
	var gen uint32
	if i >= 0 {
		pid, gen = s.slots[i].pid, s.slots[i].generation
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

func (s *Supervisor) log(i int, level slog.Level, msg string, args ...any) {
	w := &s.slots[i]
	s.cfg.Log.Log(context.Background(), level, "worker "+msg, append([]any{"role", s.role(i), "slot", i, "pid", w.pid, "generation", w.generation}, args...)...)
}

// role is what a slot's worker is to the music now.
func (s *Supervisor) role(i int) string {
	switch {
	case int32(i) == s.pool.Player.Primary.Load():
		return control.RolePrimary
	case s.pool.Wanted(i):
		return control.RoleStandby
	}
	return control.RoleSpare
}

// Status fills in what the supervisor knows: workers, player, counters.
func (s *Supervisor) Status(st *control.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	region := s.pool.Player
	st.Block, st.Sealed = region.Playout.Load(), region.Sealed.Load()
	st.Failovers, st.LostFrames = region.Switches.Load(), region.Lost.Load()
	st.Xruns, st.XrunNS = region.Xruns.Load(), region.XrunNS.Load()
	st.LateFailovers, st.HeardXruns = region.Late.Load(), region.Dry.Load()
	st.Divergences, st.CallbackAllocs = region.Diverged.Load(), region.Allocs.Load()
	st.PlayerGCs = region.Collected.Load()
	st.Restarts, st.SinkMissed = s.restarted, region.Unwritten.Load()
	st.Player = control.Player{PID: s.player.pid, Sched: "other", Generation: s.player.generation}
	if s.player.state != free {
		st.Player.AgeNS = int64(time.Since(s.player.since))
	}
	if f := s.figures; f.TNS != 0 || f.PromoteNS != 0 || f.MendNS != 0 || s.mending {
		f.Mending = s.mending
		st.LastFailover = &f
	}
	if region.Fifo.Load() != 0 {
		st.Player.Sched = "fifo"
	}
	if d := s.player.device; d.State != "" {
		st.Device = &d
	}
	st.Workers = []control.Worker{}
	for i := range s.slots {
		w := &s.slots[i]
		if w.state == free || w.state == exited {
			continue
		}
		r := s.pool.Rings[i]
		is := control.Worker{
			Role: s.role(i), Slot: i, PID: w.pid, Generation: w.generation, State: control.WorkerStarting,
			Block: r.Published.Load(), RenderAlloc: r.Allocs.Load(), GCs: r.Collected.Load(), CPU: int(r.CPU.Load()),
			AgeNS: int64(time.Since(w.begun)), PromotedBlock: r.FirstAt.Load(),
		}
		switch {
		case w.state == down:
			is.State = control.WorkerDead
		case w.state == starting:
		case r.State.Load() == shm.StateIdle:
			is.State = control.WorkerIdle
		case r.State.Load() == shm.StateRestoring:
			is.State = control.WorkerRestoring
		case r.State.Load() == shm.StateRendering:
			is.State = control.WorkerRendering
		}
		st.Workers = append(st.Workers, is)
	}
	order := map[string]int{control.RolePrimary: 0, control.RoleStandby: 1, control.RoleSpare: 2}
	sort.SliceStable(st.Workers, func(a, b int) bool { return order[st.Workers[a].Role] < order[st.Workers[b].Role] })
	st.State = control.StatePlaying
	switch {
	case s.stopping:
		st.State = control.StateStopping
	case st.Block == 0:
		st.State = control.StateStarting
	}
}
