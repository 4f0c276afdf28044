package supervisor

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"chronus/engine/control"
	"chronus/engine/failpoint"
	"chronus/engine/shm"
)

// playerProc is what the loop knows of the player.
type playerProc struct {
	state      slotState
	proc       *os.Process
	pid        int
	generation uint32
	since      time.Time
	control    *os.File // our end of its socket
	played     bool     // it has handed out a block
	from       uint64   // playout when it was started
	hung       bool
	progress   progress
	restarts   restarts
	ticks      uint64
	sinkErr    uint32
}

// startPlayer starts a player on the region as it stands. The one before, if any, has been reaped.
func (s *Supervisor) startPlayer() {
	p := &s.player
	if !p.restarts.ready(time.Now()) {
		return
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		s.fail(fmt.Errorf("supervisor: player's socket: %w", err))
		return
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "player control"), os.NewFile(uintptr(pair[1]), "player control")
	p.state, p.since, p.control, p.played, p.hung = starting, time.Now(), ours, false, false
	p.from = s.pool.Player.Playout.Load()
	p.generation++
	gen := p.generation
	s.spawn.jobs <- job{
		path: s.cfg.Player, args: []string{s.cfg.Sink}, files: s.pool.playerFiles(theirs), env: childEnv(), orphan: true,
		done: func(proc *os.Process, err error) {
			_ = theirs.Close()
			if err != nil {
				s.asks <- func() {
					_ = ours.Close()
					s.player.state, s.player.control = free, nil
					s.fail(err)
				}
				return
			}
			if gen > 1 {
				s.publishAs(-1, gen, proc.Pid, control.Event{TNS: shm.Now(), Kind: control.PlayerStarted})
			}
			s.asks <- func() {
				s.player.proc, s.player.pid = proc, proc.Pid
				if s.stopping {
					s.stopPlayer()
				}
				if s.aborted {
					_ = proc.Kill()
				}
			}
			go s.reap(-1, gen, proc)
		},
	}
}

// stopPlayer asks the player to fade out.
func (s *Supervisor) stopPlayer() {
	if s.player.control != nil {
		_, _ = s.player.control.Write([]byte{'q'})
	}
}

func (s *Supervisor) playerExit(e exit) {
	p := &s.player
	s.disarm(failpoint.PlayerSlot)
	_ = p.control.Close()
	pid, played := p.pid, p.played || s.pool.Player.Playout.Load() > p.from
	p.control, p.proc, p.state, p.since = nil, nil, free, time.Now()
	if s.stopping {
		s.farewell(pid)
		return
	}
	cause := describe(e.state)
	s.publishAs(-1, e.generation, pid, control.Event{TNS: e.ns, Kind: control.PlayerDown, Cause: cause})
	s.cfg.Log.Warn("player down", "role", "player", "pid", pid, "generation", e.generation, "cause", cause)
	if played {
		p.restarts.worked()
		return
	}
	if !p.restarts.fail(time.Now()) {
		s.fail(fmt.Errorf("supervisor: %d players in a row died before they played, the last (pid %d) with %s", maxFailed, pid, cause))
	}
}

// farewell says what the end of the sound lacks, if anything.
func (s *Supervisor) farewell(pid int) {
	if s.player.hung {
		s.cfg.Log.Warn("the player did not fade out in time and was killed", "role", "player", "pid", pid)
	}
	region := s.pool.Player
	if played, written := region.Playout.Load(), region.Written.Load(); strings.HasPrefix(s.cfg.Sink, "wav:") && written < played {
		s.cfg.Log.Error("the last blocks are not in the file", "sink", s.cfg.Sink, "blocks", played-written)
	}
}

// playerTick notices that the player plays, that it hangs, and what its file says.
func (s *Supervisor) playerTick(now time.Time, dt time.Duration, late bool) {
	p := &s.player
	if p.state == free || p.proc == nil {
		return
	}
	if s.stopping && now.Sub(s.halted) > fadeLimit && !p.hung {
		p.hung = true
		_ = p.proc.Kill()
	}
	playout := s.pool.Player.Playout.Load()
	if playout > p.from && !p.played {
		p.played, p.state = true, live
		if !s.played {
			s.played = true
			close(s.playing)
		}
		s.cfg.Log.Debug("plays", "role", "player", "pid", p.pid, "generation", p.generation)
	}
	// A player asks for blocks by itself: there is always demand.
	p.ticks++
	if p.progress.observe(playout, playout+p.ticks, dt, s.pool.hangLimit(), late) && !p.hung && now.Sub(p.since) > startLimit {
		p.hung = true
		s.cfg.Log.Warn("player hung, killing it", "role", "player", "pid", p.pid, "generation", p.generation)
		_ = p.proc.Kill()
	}
	if e := s.pool.Player.SinkError.Load(); e != p.sinkErr {
		p.sinkErr = e
		kind, level, cause := control.SinkRestored, slog.LevelInfo, ""
		if e != 0 {
			kind, level, cause = control.SinkLost, slog.LevelError, fmt.Sprintf("%s: %v", s.cfg.Sink, unix.Errno(e))
		}
		s.publish(-1, control.Event{TNS: shm.Now(), Kind: kind, Cause: cause})
		s.cfg.Log.Log(context.Background(), level, kind, "role", "player", "pid", p.pid, "cause", cause)
	}
}

// playerEvents publishes what the callback left since the last time.
func (s *Supervisor) playerEvents() {
	region := s.pool.Player
	for newest := region.Events.Load(); s.events < newest; {
		if newest-s.events > shm.EventCount {
			s.events = newest - shm.EventCount
		}
		s.events++
		q := &region.Queue[(s.events-1)%shm.EventCount]
		if q.Index.Load() != s.events {
			continue
		}
		e := control.Event{TNS: q.EntryNS, Block: q.Block, Slot: int(q.Slot), EntryNS: q.EntryNS, ReturnNS: q.ReturnNS}
		kind, from, value := q.Kind, int(q.From), q.Value
		if q.Index.Load() != s.events {
			continue // overwritten while it was read
		}
		switch kind {
		case shm.EventSwitched:
			e.Kind, e.FromSlot = control.Switched, &from
			s.cfg.Log.Info("switched", "role", "player", "pid", s.player.pid, "block", e.Block, "from", from, "to", e.Slot)
		case shm.EventLost:
			e.Kind, e.Frames = control.FramesLost, uint64(value)
			s.cfg.Log.Error("frames lost", "role", "player", "pid", s.player.pid, "block", e.Block, "frames", value)
		case shm.EventXrun:
			e.Kind, e.DurNS = control.Xrun, value
			s.cfg.Log.Warn("xrun: the machine called back late", "role", "player", "pid", s.player.pid, "block", e.Block, "ms", float64(value)/1e6)
		default:
			continue // a spare activated by the callback: reported when it renders
		}
		if e.Slot >= 0 {
			e.PID, e.Generation = s.slots[e.Slot].pid, s.slots[e.Slot].generation
		}
		s.cfg.Publish(e)
	}
}
