//go:build linux

package engine

import (
	"fmt"
	"os"
	"sync"
	"time"

	"chronus/engine/control"
	"chronus/engine/shm"
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

// figuresKept is how old an answer may be.
const figuresKept = 100 * time.Millisecond

// fill puts the figures into a status that has its processes.
func (f *figures) fill(st *control.Status, p *shm.Player, g *shm.Geometry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); f.rss == nil || now.Sub(f.at) > figuresKept {
		f.at, f.rss = now, map[int]uint64{}
		f.levels, f.callback = heard(p, g, shm.Now())
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
	var size, pages uint64
	if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid)); err == nil {
		_, _ = fmt.Sscan(string(text), &size, &pages)
	}
	bytes = pages * uint64(os.Getpagesize())
	f.rss[pid] = bytes
	return bytes
}
