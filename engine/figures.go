//go:build linux

package engine

import (
	"sync"
	"time"

	"github.com/prometheus/procfs"

	"chronus/engine/clock"
	"chronus/engine/control"
	"chronus/engine/dsp"
	"chronus/engine/internal/shm"
	"chronus/engine/internal/supervisor"
)

// figures are what a status has to compute or to read elsewhere. Nothing is done until somebody asks, and whoever asks a
// hundred times a second gets the same answer a few times: the sound need not share its caches with that.
type figures struct {
	mu       sync.Mutex
	at       time.Time
	levels   *control.Levels
	callback *control.Callback
	rss      map[int]uint64 // by pid
}

// figuresKept is how old an answer may be, once there is one.
const figuresKept = 100 * time.Millisecond

// fill puts the figures into a status that has its processes.
func (f *figures) fill(st *control.Status, p *shm.Player, g *shm.Geometry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); f.levels == nil || now.Sub(f.at) > figuresKept {
		f.at, f.rss = now, map[int]uint64{}
		f.levels, f.callback = heard(p, g, clock.Now())
	}
	st.LatencyNS = due(int64(g.Lead), g)
	st.Levels, st.Callback = f.levels, f.callback
	st.Player.RSS = f.resident(st.Player.PID)
	for i := range st.Workers {
		st.Workers[i].RSS = f.resident(st.Workers[i].PID)
	}
}

// resident is how much memory a process has in RAM, 0 where it is gone: proc_pid_statm(5).
func (f *figures) resident(pid int) uint64 {
	bytes, known := f.rss[pid]
	if known || pid <= 0 {
		return bytes
	}
	if proc, err := procfs.NewProc(pid); err == nil {
		if statm, err := proc.Statm(); err == nil {
			bytes = statm.ResidentBytes()
		}
	}
	f.rss[pid] = bytes
	return bytes
}

// counted is what the replicas have counted, the same in each: timed commands that came late, frames that the limiter held down. It
// is read out of the state after the last block heard, in place; ok is false where no ring shows that state undisturbed.
func counted(pool *supervisor.Pool, prog *dsp.Program) (late, limited uint64, ok bool) {
	n := pool.Player.Playout.Load()
	if n == 0 {
		return 0, 0, false
	}
	for _, r := range pool.Rings {
		e, _, state := r.Entry(n - 1)
		if e.Block != n {
			continue
		}
		late, limited = prog.Late(state), prog.Limited(state)
		if e.Block == n && r.Published.Load() < n+uint64(pool.Host.Geo.Ring)-1 {
			return late, limited, true
		}
	}
	return 0, 0, false
}
