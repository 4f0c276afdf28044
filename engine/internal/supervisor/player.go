package supervisor

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"chronus/engine/clock"
	"chronus/engine/control"
	"chronus/engine/internal/failpoint"
	"chronus/engine/internal/process"
	"chronus/engine/internal/shm"
)

// playerProc is what the loop holds about the player.
type playerProc struct {
	process.Info
	proc     *os.Process
	downNS   int64    // when the previous player was seen dead
	control  *os.File // our end of its socket
	played   bool     // it has handed out a block
	from     uint64   // playout when it was started
	origin   int64    // OriginNS then
	progress progress
	ticks    uint64
	sinkErr  uint32
	device   control.Device
}

// about returns the arguments of a log line that name the player.
func (p *playerProc) about() []any {
	return []any{"role", "player", "pid", p.PID, "generation", p.Generation}
}

// startPlayer starts a player on the region as it stands. The previous player,
// if any, has been reaped.
func (s *Supervisor) startPlayer() {
	p := &s.player
	p.Generation++
	gen := p.Generation
	if err := s.pool.renewPlayer(); err != nil {
		s.playerFailed(gen, err)
		return
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		s.playerFailed(gen, fmt.Errorf("player's socket: %w", err))
		return
	}
	_ = unix.SetNonblock(pair[0], true) // so that closing ends a read
	ours := os.NewFile(uintptr(pair[0]), "player control")
	theirs := os.NewFile(uintptr(pair[1]), "player control")
	now := time.Now()
	p.State, p.Begun, p.Since, p.Hung, p.control, p.played = process.Starting, now, now, false, ours, false
	p.from, p.origin = s.pool.Player.Played(), s.pool.Player.OriginNS.Load()
	p.progress, p.ticks = progress{}, 0
	s.spawn.jobs <- job{
		exe: s.cfg.Player, args: s.cfg.PlayerArgs, files: s.pool.playerFiles(theirs), env: s.childEnv(),
		orphan: true, stderr: newStderr(s.cfg.Log, "role", "player", "generation", gen),
		done: func(proc *os.Process, err error) {
			_ = theirs.Close()
			if err != nil {
				s.asks <- func() {
					_ = ours.Close()
					s.player.State, s.player.control = process.Free, nil
					s.playerFailed(gen, err)
				}
				return
			}
			if gen > 1 {
				s.publishAs(-1, gen, proc.Pid, control.Event{TNS: clock.Now(), Kind: control.PlayerStarted})
			}
			s.asks <- func() {
				s.player.proc, s.player.PID = proc, proc.Pid
				if s.stopping {
					s.stopPlayer()
				}
				if s.aborted {
					_ = proc.Kill()
				}
			}
			go s.reap(-1, gen, proc)
			go s.hear(gen, ours)
		},
	}
}

// playerFailed records a player that could not be started or died before it
// played.
func (s *Supervisor) playerFailed(gen uint32, why error) {
	s.policy.PlayerFailed(s.failure(gen, s.player.Generation, why), s.observed)
	s.unstartable(why)
}

// playerWorked records that a player handed out a block, and returns how many
// failures in a row that ends.
func (s *Supervisor) playerWorked(gen uint32) int {
	n := s.policy.PlayerPlayed(gen)
	if n > 0 {
		s.unstarted.drop()
	}
	return n
}

// stopPlayer tells the player to fade out.
func (s *Supervisor) stopPlayer() {
	if s.player.control != nil {
		_, _ = s.player.control.Write([]byte{'q'})
	}
}

func (s *Supervisor) playerExit(e exit) {
	p := &s.player
	s.disarm(failpoint.PlayerSlot)
	_ = p.control.Close()
	pid, played := p.PID, p.played || s.pool.Player.Played() > p.from
	p.State, p.Since, p.control, p.proc, p.downNS = process.Free, time.Now(), nil, nil, e.ns
	if s.stopping {
		s.farewell(pid)
		return
	}
	cause := describe(e.state)
	s.publishAs(-1, e.generation, pid, control.Event{TNS: e.ns, Kind: control.PlayerDown, Cause: cause})
	if played {
		s.cfg.Log.Warn("player down", append(p.about(), "cause", cause)...)
	}
	if p.device.State == control.DevicePlaying {
		s.loseDevice("player down: " + cause)
	}
	if played {
		s.playerWorked(e.generation)
		return
	}
	s.playerFailed(e.generation, fmt.Errorf("player pid %d: %s", pid, cause))
}

// farewell logs what the end of the sound lacks, if anything.
func (s *Supervisor) farewell(pid int) {
	if s.player.Hung {
		s.cfg.Log.Warn("the player did not fade out in time and was killed", "role", "player", "pid", pid)
	}
	played, written := s.pool.Player.Played(), s.pool.Player.Written.Load()
	if s.cfg.Sink.File != nil && written < played {
		s.cfg.Log.Error("the last blocks are not in the file", "sink", s.cfg.Sink.String(), "blocks", played-written)
	}
}

// playerTick notices that the player plays, that it hangs, and that its file
// could not be written or can be again.
func (s *Supervisor) playerTick(now time.Time, dt time.Duration, late bool) {
	p := &s.player
	if p.State == process.Free || p.proc == nil {
		return
	}
	if s.stopping && now.Sub(s.halted) > s.pool.fadeLimit() && !p.Hung {
		p.Hung = true
		_ = p.proc.Kill()
	}
	playout := s.pool.Player.Played()
	if playout > p.from && !p.played {
		p.played, p.State, p.Since = true, process.Live, now
		failures := s.playerWorked(p.Generation)
		if !s.played {
			s.played = true
			close(s.playing)
		}
		if p.downNS == 0 {
			s.cfg.Log.Debug("player plays", p.about()...)
		} else {
			s.cfg.Log.Info("player plays again",
				append(p.about(), "silent_ms", ms(clock.Now()-p.downNS), "block", playout,
					"failed_starts", failures)...)
		}
	}
	// A player requests blocks by itself, so there is always work for it. Where
	// its blocks are due, which it announces before the first, is progress too.
	done, limit := playout, s.playerHang()
	if p.played || s.pool.Player.OriginNS.Load() != p.origin {
		done++
	} else {
		limit = s.playerStart()
	}
	p.ticks++
	if p.progress.observe(done, done+p.ticks, dt, limit, late) && !p.Hung {
		p.Hung = true
		s.cfg.Log.Warn("player hung, killing it", p.about()...)
		_ = p.proc.Kill()
	}
	if e, ok := shm.SinkErrno(s.pool.Player.SinkError.Load()); ok && e != p.sinkErr {
		p.sinkErr = e
		kind, level, cause := control.SinkRestored, slog.LevelInfo, ""
		if e != 0 {
			kind, level = control.SinkLost, slog.LevelError
			cause = fmt.Sprintf("%s: %v", s.cfg.Sink, unix.Errno(e))
		}
		s.publish(-1, control.Event{TNS: clock.Now(), Kind: kind, Cause: cause})
		s.cfg.Log.Log(context.Background(), level, kind, append(p.about(), "cause", cause)...)
	}
}

// playerStart returns how long a player may take to announce its first block,
// for which it waits until the workers have filled the lead.
func (s *Supervisor) playerStart() time.Duration {
	geo := &s.pool.Host.Geo
	return playerStartLimit + time.Duration(int64(geo.Lead)*geo.BlockNS())
}

// playerHang returns how long a player may request no block. A player with a
// device notices the device's silence by itself, which takes a while.
func (s *Supervisor) playerHang() time.Duration {
	if s.player.device.State != "" {
		return 4 * s.pool.hangLimit()
	}
	return s.pool.hangLimit()
}
