package supervisor

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"chronus/engine/clock"
	"chronus/engine/control"
	"chronus/engine/internal/process"
	"chronus/engine/internal/shm"
	"chronus/engine/sink"
)

// hear reads what a player with a device reports about it.
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

// heard records what became of the device.
func (s *Supervisor) heard(gen uint32, state string, latency int64, detail string) {
	p := &s.player
	if gen != p.Generation || p.State == process.Free || s.stopping {
		return
	}
	switch state {
	case sink.DevicePlaying:
		p.device = control.Device{State: control.DevicePlaying, Name: detail, LatencyNS: latency}
		s.publish(-1, control.Event{TNS: clock.Now(), Kind: control.SinkRestored, Cause: detail})
		s.audible = true
		s.cfg.Log.Info("the device plays", append(p.about(), "device", detail, "latency_ms", ms(latency))...)
		s.covers(latency)
	case sink.DeviceChanged:
		was := p.device.LatencyNS
		p.device.LatencyNS = latency
		s.cfg.Log.Warn("the device's latency has changed",
			append(p.about(), "device", detail, "from_ms", ms(was), "latency_ms", ms(latency))...)
		s.covers(latency)
	case sink.DeviceRate:
		s.refused(&sink.RateError{Device: detail, Rate: int(latency), Engine: int(s.pool.Host.Geo.Rate)})
	case sink.DeviceLost:
		s.loseDevice(detail)
	}
}

// refused records that the device does not play at the engine's rate. If the
// user did not choose that rate and nothing was heard yet, the engine ends, to
// be started again at the device's: it began before the device was there.
func (s *Supervisor) refused(err *sink.RateError) {
	if !s.cfg.AnyRate || s.audible {
		s.loseDevice(err.Error())
		return
	}
	select {
	case s.failed <- err:
	default:
	}
	s.halt()
}

// covers warns of a device whose buffer holds more than the lead. It may ask
// for that much at once, and a block that is not rendered by then is late. The
// lead cannot follow: the regions are made for it.
func (s *Supervisor) covers(latency int64) {
	geo := &s.pool.Host.Geo
	block := geo.BlockNS()
	if need := (latency + block - 1) / block; need > int64(geo.Lead) {
		s.cfg.Log.Warn("the device may ask for more blocks at once than the lead has", append(s.player.about(),
			"blocks", need, "lead", geo.Lead, "remedy", fmt.Sprintf("--lead %d", min(need, shm.MaxLead)))...)
	}
}

// loseDevice records that the clock now paces the player because there is no
// device. A loss of which more becomes known is still one loss, and one event.
func (s *Supervisor) loseDevice(why string) {
	before := s.player.device
	s.player.device = control.Device{State: control.DeviceWaiting, Why: why}
	if s.cfg.Sink.Content() && !s.audible {
		s.cfg.Log.Debug("no device yet", append(s.player.about(), "cause", why)...)
		return
	}
	if before.State == control.DeviceWaiting && before.Why != "" {
		if before.Why != why {
			s.cfg.Log.Info("still no device", append(s.player.about(), "cause", why)...)
		}
		return
	}
	s.publish(-1, control.Event{TNS: clock.Now(), Kind: control.SinkLost, Cause: why})
	s.cfg.Log.Warn("no device: the clock paces and the music continues unheard",
		append(s.player.about(), "cause", why)...)
}
