package supervisor

import (
	"bufio"
	"os"
	"strconv"
	"strings"

	"chronus/engine/clock"
	"chronus/engine/control"
	"chronus/engine/internal/process"
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
		s.cfg.Log.Info("the device plays",
			append(p.about(), "device", detail, "latency_ms", float64(latency)/1e6)...)
	case sink.DeviceLost:
		s.loseDevice(detail)
	}
}

// loseDevice records that the clock now paces the player because there is no
// device.
func (s *Supervisor) loseDevice(why string) {
	s.player.device = control.Device{State: control.DeviceWaiting, Why: why}
	s.publish(-1, control.Event{TNS: clock.Now(), Kind: control.SinkLost, Cause: why})
	s.cfg.Log.Warn("no device: the clock paces and the music continues unheard",
		append(s.player.about(), "cause", why)...)
}
