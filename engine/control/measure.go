package control

import (
	"time"

	"github.com/prometheus/procfs"

	"chronus/engine/clock"
	"chronus/engine/dsp"
	"chronus/engine/internal/roster"
	"chronus/engine/internal/shm"
)

// measured holds what a status has to compute or to read elsewhere. None of it
// is done unless a status is requested, and a client that polls a hundred times
// per second gets the same answer several times: the sound need not share its
// caches with that.
type measured struct {
	at       time.Time
	levels   *Levels
	callback *Callback
	rss      map[int]uint64 // by pid
	// late and limited are the last known values of what the replicas count.
	// Both only rise.
	late, limited uint64
}

// keepMeasured is how old an answer may be, once there is one.
const keepMeasured = 100 * time.Millisecond

// measure brings the measurements up to date.
func (s *Sources) measure() *measured {
	m := &s.measured
	if now := time.Now(); m.levels == nil || now.Sub(m.at) > keepMeasured {
		m.at, m.rss = now, map[int]uint64{}
		m.levels, m.callback = heard(s.Player, &s.Host.Geo, clock.Now())
	}
	s.count()
	return m
}

// count brings up to date what the replicas count.
func (s *Sources) count() {
	if late, limited, ok := counted(&s.Roster, s.Program); ok {
		s.measured.late, s.measured.limited = late, limited
	}
}

// resident returns how many bytes of a process are in RAM, 0 if the process is
// gone: proc_pid_statm(5).
func (m *measured) resident(pid int) uint64 {
	bytes, known := m.rss[pid]
	if known || pid <= 0 {
		return bytes
	}
	if proc, err := procfs.NewProc(pid); err == nil {
		if statm, err := proc.Statm(); err == nil {
			bytes = statm.ResidentBytes()
		}
	}
	m.rss[pid] = bytes
	return bytes
}

// counted returns what the replicas count, which is the same in each: timed
// commands that came late, and frames that the limiter held down. It reads them
// in place, from the state after the last block heard, and reports false if no
// ring shows that state undisturbed.
func counted(r *roster.Roster, prog *dsp.Program) (late, limited uint64, ok bool) {
	n := r.Player.Played()
	if n == 0 {
		return 0, 0, false
	}
	for _, ring := range r.Rings {
		e, _, state := ring.Entry(n - 1)
		if e.Block != n {
			continue
		}
		late, limited = prog.Late(state), prog.Limited(state)
		if e.Block == n && ring.Published.Load() < n+uint64(r.Host.Geo.Ring)-1 {
			return late, limited, true
		}
	}
	return 0, 0, false
}

// settleNS is how long the filtered grid of a device takes to learn the
// device's rate.
const settleNS = 10e9

// drift returns how far the blocks have moved from where their rate puts them
// since the grid began, in ppm. On the clock it goes by the last callback; on a
// device by the filtered grid, and is 0 until that has settled.
func drift(p *shm.Player, g *shm.Geometry) float64 {
	origin, from := p.OriginNS.Load(), p.OriginAt.Load()
	at, ns := p.Anchor()
	if at <= from {
		at, ns = p.Played()-1, p.EntryNS.Load()
	} else if ns-origin < settleNS {
		return 0
	}
	if at <= from || int64(at) < 0 || ns <= origin {
		return 0
	}
	due := float64(at-from) * float64(g.Frames) * 1e9 / float64(g.Rate)
	return (float64(ns-origin)/due - 1) * 1e6
}

// present returns nil for a zero value, which the status leaves out.
func present[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// since returns the time passed since t, in ns; 0 if t is zero.
func since(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return int64(time.Since(t))
}
