package policy

import (
	"fmt"
	"time"
)

// Pauses after failures in a row, before the next start.
const (
	firstPause = 10 * time.Millisecond
	longPause  = time.Second
)

// maxFailed failures in a row end an engine that has not played yet: then it is
// the configuration or the machine that is wrong, and a user waits for the
// answer. An engine that has played goes on trying, see liveness.
const maxFailed = 10

// Failure is a process that could not be started or died before it was of use.
type Failure struct {
	Generation uint32 // of the process
	Newest     uint32 // of the process of its kind that was started last
	Why        error
	// Lasting means that trying again will not help: the executable is none.
	Lasting bool
}

// restarts limits how fast processes of one kind that fail are started again. A
// process that was of use and was then killed does not count: it is replaced
// without delay, however often.
type restarts struct {
	failed  int    // in a row
	known   uint32 // processes up to this generation were started before the last failure was known
	until   time.Duration
	last    error
	lasting bool
}

// fail counts a failure. Processes that were started together and fail together
// count once.
func (r *restarts) fail(f Failure, now time.Duration) {
	r.last = f.Why
	r.lasting = r.lasting || f.Lasting
	if r.failed > 0 && f.Generation <= r.known {
		return
	}
	r.known = f.Newest
	r.failed++
	r.until = now + min(firstPause<<min(r.failed-1, 10), longPause)
}

// worked forgets the failures if the process of this generation was started
// after they were known, and returns how many there were. That an older process
// lives proves nothing about new ones.
func (r *restarts) worked(generation uint32) (failures int) {
	if generation > r.known {
		failures, *r = r.failed, restarts{known: r.known}
	}
	return failures
}

// ready reports whether a process may be started now.
func (r *restarts) ready(now time.Duration) bool { return now >= r.until }

// WorkerFailed records that a worker could not be started or died before it was
// ready.
func (p *Policy) WorkerFailed(f Failure, now time.Duration) { p.workers.fail(f, now) }

// WorkerReady records that a worker is mapped and idle. It returns how many
// failures in a row that ends.
func (p *Policy) WorkerReady(generation uint32) (failures int) { return p.workers.worked(generation) }

// PlayerFailed records that a player could not be started or died before it
// played.
func (p *Policy) PlayerFailed(f Failure, now time.Duration) { p.player.fail(f, now) }

// PlayerPlayed records that a player handed out a block. It returns how many
// failures in a row that ends.
func (p *Policy) PlayerPlayed(generation uint32) (failures int) { return p.player.worked(generation) }

// giveUp returns the error that ends an engine that cannot start, or nil.
func (p *Policy) giveUp(v *View) error {
	if v.Playout > 0 {
		return nil
	}
	for _, kind := range []struct {
		r          *restarts
		name, what string
	}{
		{&p.workers, "workers", "were ready"},
		{&p.player, "players", "played"},
	} {
		switch r := kind.r; {
		case r.lasting:
			return r.last
		case r.failed >= maxFailed:
			return fmt.Errorf("%d %s in a row died before they %s, the last with: %w",
				r.failed, kind.name, kind.what, r.last)
		}
	}
	return nil
}
