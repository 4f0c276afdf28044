package supervisor

import (
	"time"

	"chronus/engine/internal/shm"
)

// HangLimit is how long a process may make no progress while there is work for
// it, but never less than hangBlocks blocks.
const (
	HangLimit  = 250 * time.Millisecond
	hangBlocks = 4
)

func (p *Pool) hangLimit() time.Duration {
	return max(HangLimit, time.Duration(hangBlocks*p.Host.Geo.BlockNS()))
}

// fadeLimit returns how long the player may take to fade out: the fade is in
// the next block that it is asked for, and a device may ask for a burst at a
// time.
func (p *Pool) fadeLimit() time.Duration {
	return fadeLimit + time.Duration((shm.MaxBurst+1)*p.Host.Geo.BlockNS())
}

// progress watches the counter of one process. Late is not dead: it reports a
// hang only after the limit, and does not count time in which no work was due
// or in which the observer itself did not run.
type progress struct {
	counter uint64
	asked   uint64        // when the counter last moved
	idle    time.Duration // since more work was requested than then
}

// observe takes the counters of work done and work requested, dt after the last
// observation, and reports whether the process hangs. late means that the
// observer itself came late: nothing can then be concluded, and the time is
// counted anew.
func (p *progress) observe(done, asked uint64, dt, limit time.Duration, late bool) (hung bool) {
	if done != p.counter || done >= asked || late {
		*p = progress{counter: done, asked: asked}
		return false
	}
	if asked > p.asked {
		p.idle += dt
	}
	return p.idle >= limit
}
