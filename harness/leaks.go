package harness

import (
	"context"
	"fmt"
	"slices"
	"time"

	"chronus/engine/control"
	"chronus/harness/probe"
	"chronus/harness/report"
)

// holdings is what the processes of a whole engine hold.
type holdings struct {
	host, player, worker probe.Usage // worker: the most of any, for each figure
	procs                int         // zombies too
	goroutines           int
}

// leaks compares what an engine holds at its first settled point, early but warm, with what it holds at those that follow.
type leaks struct {
	early *holdings
	later []*holdings
}

// A settled point is not one instant: a connection that is just being closed is no leak. Early, the least of several readings
// counts; at the end, readings go on until nothing is above that or settleLimit has passed.
const (
	readings    = 8
	readingsGap = 3 * time.Millisecond
	settleLimit = time.Second
)

// settledPoints are the cycles after which holdings are read: of 200 after the 50th, the 100th and the last.
func settledPoints(cycles int) []int {
	points := []int{max(1, cycles/4), max(1, cycles/2), cycles}
	return slices.Compact(points)
}

// probe reads the holdings at the settled points.
func (s *session) probe(ctx context.Context, cycle, cycles int) {
	if !slices.Contains(settledPoints(cycles), cycle) || ctx.Err() != nil {
		return
	}
	h, err := s.holdings(ctx, s.leaks.early)
	switch {
	case err != nil:
		s.find(report.EngineErrors, "cycle %d: %v", cycle, err)
	case s.leaks.early == nil:
		s.leaks.early = h
	default:
		s.leaks.later = append(s.leaks.later, h)
	}
}

// holdings takes the least of several readings; with a goal, as many as it takes to come down to it.
func (s *session) holdings(ctx context.Context, goal *holdings) (*holdings, error) {
	var least *holdings
	begin := time.Now()
	for n := 1; ; n++ {
		status, err := s.target.Status(ctx)
		if err != nil {
			return nil, err
		}
		time.Sleep(readingsGap) // for the engine to close the connection
		h, err := s.read(status)
		if err != nil {
			return nil, err
		}
		if least == nil {
			least = h
		}
		least.min(h)
		if goal == nil && n >= readings || goal != nil && (!least.above(goal) || time.Since(begin) > settleLimit) {
			return least, nil
		}
	}
}

func (s *session) read(status *control.Status) (*holdings, error) {
	processes, err := probe.Members(s.target.PID())
	if err != nil {
		return nil, err
	}
	h := &holdings{procs: len(processes), goroutines: status.Goroutines}
	if h.host, err = probe.Read(status.PID); err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	if h.player, err = probe.Read(status.Player.PID); err != nil {
		return nil, fmt.Errorf("player: %w", err)
	}
	for _, w := range status.Workers {
		u, err := probe.Read(w.PID)
		if err != nil {
			return nil, fmt.Errorf("worker in slot %d: %w", w.Slot, err)
		}
		h.worker = h.worker.Max(u)
	}
	return h, nil
}

func (h *holdings) min(o *holdings) {
	h.host, h.player, h.worker = h.host.Min(o.host), h.player.Min(o.player), h.worker.Min(o.worker)
	h.procs, h.goroutines = min(h.procs, o.procs), min(h.goroutines, o.goroutines)
}

// above says whether anything that is counted one by one is more than in o.
func (h *holdings) above(o *holdings) bool {
	more := func(a, b probe.Usage) bool { return a.FDs > b.FDs || a.Memfds > b.Memfds || a.Sockets > b.Sockets }
	return more(h.host, o.host) || more(h.player, o.player) || more(h.worker, o.worker) ||
		h.procs > o.procs || h.goroutines > o.goroutines
}

// set reports the rises, the most at any point, and of processes that of the one that rose most. An engine that was not read twice
// has none to report.
func (l leaks) set(run *report.Run) {
	if l.early == nil {
		return
	}
	rise := func(name string, of func(*holdings) int64) {
		for _, h := range l.later {
			was, _ := run.Value(name)
			run.Set(name, max(was, float64(of(h)-of(l.early))))
		}
	}
	for name, of := range map[string]func(probe.Usage) int64{
		report.LeakedFDs:     func(u probe.Usage) int64 { return int64(u.FDs) },
		report.LeakedMemfds:  func(u probe.Usage) int64 { return int64(u.Memfds) },
		report.LeakedSockets: func(u probe.Usage) int64 { return int64(u.Sockets) },
		report.LeakedThreads: func(u probe.Usage) int64 { return int64(u.Threads) },
		report.LeakedRSS:     func(u probe.Usage) int64 { return u.RSS },
	} {
		rise(name, func(h *holdings) int64 { return of(h.host) })
		rise(name, func(h *holdings) int64 { return of(h.player) })
		rise(name, func(h *holdings) int64 { return of(h.worker) })
	}
	rise(report.LeakedGoroutines, func(h *holdings) int64 { return int64(h.goroutines) })
	rise(report.LeakedProcs, func(h *holdings) int64 { return int64(h.procs) })
}
