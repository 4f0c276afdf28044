package supervisor

import "time"

// HangLimit is how long a process may make no progress while there is something for it to do; at least hangBlocks blocks.
const (
	HangLimit  = 250 * time.Millisecond
	hangBlocks = 4
)

func (p *Pool) hangLimit() time.Duration {
	return max(HangLimit, time.Duration(hangBlocks*p.Host.Geo.BlockNS()))
}

// progress watches one process's counter. Late is not dead: it reports a hang only after the limit, and time in which
// nothing was due, or in which the observer itself did not run, does not count.
type progress struct {
	counter uint64
	asked   uint64        // when the counter last moved
	idle    time.Duration // since there was more to do than then
}

// observe takes the counters of work done and work asked for, dt after the last observation. late says that the observer
// came late itself: then nothing can be concluded and the time counts anew.
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
