package supervisor

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"chronus/engine/clock"
	"chronus/engine/control"
	"chronus/engine/internal/failpoint"
	"chronus/engine/internal/shm"
	"chronus/engine/sink"
)

// playerProc is what the loop knows of the player.
type playerProc struct {
	state      slotState
	proc       *os.Process
	pid        int
	generation uint32
	since      time.Time
	downNS     int64    // when the one before was seen dead
	control    *os.File // our end of its socket
	played     bool     // it has handed out a block
	from       uint64   // playout when it was started
	hung       bool
	progress   progress
	restarts   restarts
	ticks      uint64
	sinkErr    uint32
	device     control.Device
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
	_ = unix.SetNonblock(pair[0], true) // so that closing ends a read
	ours, theirs := os.NewFile(uintptr(pair[0]), "player control"), os.NewFile(uintptr(pair[1]), "player control")
	p.state, p.since, p.control, p.played, p.hung = starting, time.Now(), ours, false, false
	p.from = s.pool.Player.Playout.Load()
	p.generation++
	gen := p.generation
	s.spawn.jobs <- job{
		path: s.cfg.Player, args: s.cfg.PlayerArgs, files: s.pool.playerFiles(theirs), env: s.childEnv(), orphan: true,
		stderr: newStderr(s.cfg.Log, "role", "player", "generation", gen),
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
				s.publishAs(-1, gen, proc.Pid, control.Event{TNS: clock.Now(), Kind: control.PlayerStarted})
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
			go s.hear(gen, ours)
		},
	}
}

// hear takes what a player with a device says of it.
func (s *Supervisor) hear(gen uint32, from *os.File) {
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		state, rest, _ := strings.Cut(lines.Text(), "\t")
		latency, detail, _ := strings.Cut(rest, "\t")
		ns, _ := strconv.ParseInt(latency, 10, 64)
		select {
		case s.asks <- func() { s.heard(gen, state, ns, detail) }:
		case <-s.ended:
			return
		}
	}
}

// heard notes what became of the device.
func (s *Supervisor) heard(gen uint32, state string, latency int64, detail string) {
	p := &s.player
	if gen != p.generation || p.state == free || s.stopping {
		return
	}
	args := []any{"role", "player", "pid", p.pid, "generation", p.generation}
	switch state {
	case sink.DevicePlaying:
		p.device = control.Device{State: control.DevicePlaying, Name: detail, LatencyNS: latency}
		s.heardOf = true
		s.publish(-1, control.Event{TNS: clock.Now(), Kind: control.SinkRestored, Cause: detail})
		s.cfg.Log.Info("the device plays", append(args, "device", detail, "latency_ms", ms(latency))...)
		s.covers(latency, args)
	case sink.DeviceChanged:
		was := p.device.LatencyNS
		p.device.LatencyNS = latency
		s.cfg.Log.Warn("the device's latency has changed", append(args, "device", detail,
			"from_ms", ms(was), "latency_ms", ms(latency))...)
		s.covers(latency, args)
	case sink.DeviceRate:
		s.refused(&sink.RateError{Device: detail, Rate: int(latency), Engine: int(s.pool.Host.Geo.Rate)}, args)
	case sink.DeviceLost:
		s.loseDevice(detail, args)
	}
}

// refused notes that the device does not play at the engine's rate. If that was
// nobody's choice and nothing was heard yet, the engine ends, to be started again
// at the device's: it began before the device was there.
func (s *Supervisor) refused(err *sink.RateError, args []any) {
	if !s.cfg.AnyRate || s.heardOf {
		s.loseDevice(err.Error(), args)
		return
	}
	select {
	case s.failed <- err:
	default:
	}
	s.halt()
}

// covers warns of a device whose buffer holds more than the lead. It may ask for
// that much at once, and a block that is not rendered by then is late. The lead
// cannot follow: the regions are made for it.
func (s *Supervisor) covers(latency int64, args []any) {
	geo := &s.pool.Host.Geo
	block := geo.BlockNS()
	if need := (latency + block - 1) / block; need > int64(geo.Lead) {
		s.cfg.Log.Warn("the device may ask for more blocks at once than the lead has", append(args,
			"blocks", need, "lead", geo.Lead, "remedy", fmt.Sprintf("--lead %d", min(need, shm.MaxLead)))...)
	}
}

// loseDevice notes that the clock paces now, for want of a device.
func (s *Supervisor) loseDevice(why string, args []any) {
	before := s.player.device
	s.player.device = control.Device{State: control.DeviceWaiting, Why: why}
	if before.State == control.DeviceWaiting && before.Why != "" {
		// The same loss, of which more is known: one loss is one event.
		if before.Why != why {
			s.cfg.Log.Info("still no device", append(args, "cause", why)...)
		}
		return
	}
	s.publish(-1, control.Event{TNS: clock.Now(), Kind: control.SinkLost, Cause: why})
	s.cfg.Log.Warn("no device: the clock paces and the music goes on, unheard", append(args, "cause", why)...)
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
	p.control, p.proc, p.state, p.since, p.downNS = nil, nil, free, time.Now(), e.ns
	if s.stopping {
		s.farewell(pid)
		return
	}
	cause := describe(e.state)
	s.publishAs(-1, e.generation, pid, control.Event{TNS: e.ns, Kind: control.PlayerDown, Cause: cause})
	s.cfg.Log.Warn("player down", "role", "player", "pid", pid, "generation", e.generation, "cause", cause)
	if p.device.State == control.DevicePlaying {
		s.loseDevice("player down: "+cause, []any{"role", "player", "pid", pid, "generation", e.generation})
	}
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
	if played, written := region.Playout.Load(), region.Written.Load(); s.cfg.Sink.File != nil && written < played {
		s.cfg.Log.Error("the last blocks are not in the file", "sink", s.cfg.Sink.String(), "blocks", played-written)
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
		if p.downNS == 0 {
			s.cfg.Log.Debug("player plays", "role", "player", "pid", p.pid, "generation", p.generation)
		} else {
			s.cfg.Log.Info("player plays again", "role", "player", "pid", p.pid, "generation", p.generation,
				"silent_ms", ms(clock.Now()-p.downNS), "block", playout)
		}
	}
	// A player asks for blocks by itself: there is always demand.
	p.ticks++
	if p.progress.observe(playout, playout+p.ticks, dt, s.playerHang(), late) && !p.hung && now.Sub(p.since) > startLimit {
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
		s.publish(-1, control.Event{TNS: clock.Now(), Kind: kind, Cause: cause})
		s.cfg.Log.Log(context.Background(), level, kind, "role", "player", "pid", p.pid, "generation", p.generation, "cause", cause)
	}
}

// playerHang is how long a player may ask for no block. Of a device's silence it takes note itself, which takes a while.
func (s *Supervisor) playerHang() time.Duration {
	if s.player.device.State != "" {
		return 4 * s.pool.hangLimit()
	}
	return s.pool.hangLimit()
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
		log := func(level slog.Level, msg string, args ...any) {
			s.cfg.Log.Log(context.Background(), level, msg,
				append([]any{"role", "player", "pid", s.player.pid, "generation", s.player.generation, "block", e.Block}, args...)...)
		}
		switch kind {
		case shm.EventSwitched:
			e.Kind, e.FromSlot = control.Switched, &from
			f := &s.figures
			f.TNS, f.Block, f.FromSlot, f.Slot, f.SwitchNS = e.TNS, e.Block, from, e.Slot, e.ReturnNS-e.EntryNS
			level := slog.LevelInfo
			if s.pool.Alive(from) {
				level = slog.LevelDebug // it was only late, and on a device with large bursts often is
			}
			log(level, "switched", "from", from, "to", e.Slot, "took_us", f.SwitchNS/1000)
		case shm.EventLost:
			e.Kind, e.Frames = control.FramesLost, uint64(value)
			log(slog.LevelError, "frames lost", "frames", value)
		case shm.EventXrun:
			e.Kind, e.DurNS = control.Xrun, value
			s.xruns++ // each is an event, but a line only once a second: a sound server that starves has hundreds
			if now := time.Now(); now.Sub(s.xrunSaid) >= time.Second {
				log(slog.LevelWarn, "xrun: the machine called back late", "late_ms", ms(value), "xruns", s.xruns)
				s.xrunSaid, s.xruns = now, 0
			}
		default:
			continue // a spare activated by the callback: reported when it renders
		}
		if e.Slot >= 0 {
			e.PID, e.Generation = s.slots[e.Slot].pid, s.slots[e.Slot].generation
		}
		s.cfg.Publish(e)
	}
}
