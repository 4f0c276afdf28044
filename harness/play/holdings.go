package play

import (
	"context"
	"fmt"
	"slices"
	"time"

	"chronus/engine/control"
	"chronus/harness/probe"
	"chronus/harness/record"
)

// A settled point is not one instant: a connection that is just being closed is
// no leak. At the first point, the least of several readings counts; at the
// later ones, readings go on until nothing is above the first or settleLimit
// has passed.
const (
	readings    = 8
	readingsGap = 3 * time.Millisecond
	settleLimit = time.Second
	// playerAge is how old a player must be to be read: it opens its file when
	// it already plays.
	playerAge = 100 * time.Millisecond
)

// settledPoints returns the cycles after which holdings are read: of 200, after
// the 50th, the 100th and the last.
func settledPoints(cycles int) []int {
	points := []int{max(1, cycles/4), max(1, cycles/2), cycles}
	return slices.Compact(points)
}

// readHoldings records what the engine's processes hold, if the cycle is a
// settled point.
func readHoldings(ctx context.Context, e *engine, cycle, cycles int, rec *record.Record) {
	if !slices.Contains(settledPoints(cycles), cycle) || ctx.Err() != nil {
		return
	}
	var goal *record.Holdings
	if len(rec.Holdings) > 0 {
		goal = &rec.Holdings[0]
	}
	h, err := e.holdings(ctx, goal)
	if err != nil {
		troubled(rec, record.StageRead, cycle, err)
		return
	}
	h.Cycle = cycle
	rec.Holdings = append(rec.Holdings, h)
}

// holdings takes the least of several readings; with a goal, as many as it
// takes to come down to it. Between status and reading it waits, for the engine
// to close the connection.
func (e *engine) holdings(ctx context.Context, goal *record.Holdings) (record.Holdings, error) {
	var least record.Holdings
	begin := time.Now()
	for n := 1; ; n++ {
		status, err := e.Status(ctx)
		if err != nil {
			return least, err
		}
		time.Sleep(max(readingsGap, playerAge-time.Duration(status.Player.AgeNS)))
		h, err := e.read(status)
		if err != nil {
			return least, err
		}
		if n == 1 {
			least = h
		}
		least = lesser(least, h)
		if goal == nil && n >= readings || goal != nil && (!above(least, *goal) || time.Since(begin) > settleLimit) {
			return least, nil
		}
	}
}

func (e *engine) read(status *control.Status) (h record.Holdings, err error) {
	processes, err := probe.Members(e.PID())
	if err != nil {
		return h, err
	}
	host, err := probe.Read(status.PID)
	if err != nil {
		return h, fmt.Errorf("host: %w", err)
	}
	player, err := probe.Read(status.Player.PID)
	if err != nil {
		return h, fmt.Errorf("player: %w", err)
	}
	var worker probe.Usage
	for _, w := range status.Workers {
		u, err := probe.Read(w.PID)
		if err != nil {
			return h, fmt.Errorf("worker in slot %d: %w", w.Slot, err)
		}
		worker = worker.Max(u)
	}
	return record.Holdings{
		Host: record.Usage(host), Player: record.Usage(player), Worker: record.Usage(worker),
		Procs: len(processes), Goroutines: status.Goroutines,
	}, nil
}

// lesser returns the smaller of each figure.
func lesser(a, b record.Holdings) record.Holdings {
	least := func(a, b record.Usage) record.Usage { return record.Usage(probe.Usage(a).Min(probe.Usage(b))) }
	return record.Holdings{
		Host: least(a.Host, b.Host), Player: least(a.Player, b.Player), Worker: least(a.Worker, b.Worker),
		Procs: min(a.Procs, b.Procs), Goroutines: min(a.Goroutines, b.Goroutines),
	}
}

// above reports whether anything that is counted one by one is more in a than
// in b.
func above(a, b record.Holdings) bool {
	more := func(a, b record.Usage) bool { return a.FDs > b.FDs || a.Memfds > b.Memfds || a.Sockets > b.Sockets }
	return more(a.Host, b.Host) || more(a.Player, b.Player) || more(a.Worker, b.Worker) ||
		a.Procs > b.Procs || a.Goroutines > b.Goroutines
}
