package harness

import (
	"context"
	"sync"

	"chronus/engine/clock"
	"chronus/engine/control"
	"chronus/harness/report"
	"chronus/harness/target"
)

// garbage follows what the engine's processes allocate and collect.
//
// Workers die, and their counts with them. So of each worker that any status showed the last figures are kept: just before a fault hits
// it, for one. The host's own are for looking at: it may allocate, and stops nobody.
type garbage struct {
	mu      sync.Mutex
	workers map[uint32]control.Worker // by generation, as last seen
	players map[uint32]uint64         // allocations by generation
	gcs     map[uint32]uint64         // the same of collections
	before  *target.Runtime           // the host's, when the first cycle began
	after   *target.Runtime           // and after the last
	begin   int64                     // ns
	end     int64
}

// see keeps a status's figures.
func (g *garbage) see(st *control.Status) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.workers == nil {
		g.workers, g.players, g.gcs = map[uint32]control.Worker{}, map[uint32]uint64{}, map[uint32]uint64{}
	}
	for _, w := range st.Workers {
		g.workers[w.Generation] = w
	}
	g.players[st.Player.Generation], g.gcs[st.Player.Generation] = st.CallbackAllocs, st.PlayerGCs
}

// Status is the engine's status, of which a fault that asks for it makes the garbage's last reading.
func (s subject) Status(ctx context.Context) (*control.Status, error) {
	st, err := s.Target.Status(ctx)
	if err == nil {
		s.garbage.see(st)
	}
	return st, err
}

// host reads the host's figures, first before the cycles and then after them.
func (g *garbage) host(ctx context.Context, t *target.Target) error {
	r, err := t.Runtime(ctx)
	switch {
	case err != nil:
		return err
	case g.before == nil:
		g.before, g.begin = r, clock.Now()
	default:
		g.after, g.end = r, clock.Now()
	}
	return nil
}

// set reports them. Nothing is reported that was not seen.
func (g *garbage) set(run *report.Run) {
	if g.workers == nil {
		return
	}
	var allocs, gcs uint64
	for _, w := range g.workers {
		allocs, gcs = allocs+w.RenderAlloc, gcs+w.GCs
	}
	for generation, n := range g.players {
		allocs, gcs = allocs+n, gcs+g.gcs[generation]
	}
	run.Set(report.Allocs, float64(allocs))
	run.Set(report.Collections, float64(gcs))
	if g.after == nil || g.end <= g.begin {
		return
	}
	run.Set(report.HostAllocs, (g.after.Mallocs-g.before.Mallocs)/(float64(g.end-g.begin)/1e9))
	run.Set(report.HostPauses, g.after.Pauses-g.before.Pauses)
	run.Set(report.HostPauseMax, g.after.LongestPause)
}
