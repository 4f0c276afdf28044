//go:build linux

package engine

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"time"

	"chronus/engine/clock"
	"chronus/engine/command"
	"chronus/engine/osc"
)

// router routes the datagrams of the OSC server to the queue, and whatever is
// not a command to the engine.
func (e *Engine) router() *osc.Router {
	t := &timing{player: e.pool.Player, geo: &e.pool.Host.Geo}
	r := &osc.Router{Routes: routes(e), Timeline: t.timeline, Sink: e.sink}
	warn := func(line string) { e.cfg.Log.Warn("OSC: " + line) }
	r.ClampNotice.Write, r.ClockNotice.Write, e.osc.BadNotice.Write = warn, warn, warn
	if e.cfg.Log.Enabled(context.Background(), slog.LevelDebug) {
		trace := func(line string) { e.cfg.Log.Debug("OSC: " + line) }
		r.Trace, e.osc.Trace = trace, trace
	}
	return r
}

// sink queues the commands of a datagram, all of them or none.
func (e *Engine) sink(commands []command.Command) bool {
	if e.phrase != nil {
		e.phrase.Heard(commands, e.pool.Player.Played()*uint64(e.cfg.Frames))
	}
	ok := e.queue.Push(commands)
	if !ok {
		e.dropped.Add(uint64(len(commands)))
	}
	return ok
}

// drain moves commands from the queue to the log that had to wait for room,
// which every seal makes, or for their time.
func (e *Engine) drain() {
	for {
		select {
		case <-e.closing:
			return
		case <-e.queue.Waits():
		}
		tick := time.NewTicker(2 * time.Millisecond)
		for e.queue.Drain() > 0 {
			select {
			case <-e.closing:
				tick.Stop()
				return
			case <-tick.C:
			}
		}
		tick.Stop()
	}
}

// losses is what became of commands otherwise than their sender meant, as last
// logged.
type losses struct {
	kernel, dropped, coalesced, late, withheld uint64
}

// losses returns the figures as they are now.
func (e *Engine) losses() losses {
	_, coalesced := e.queue.Waiting()
	e.mu.Lock()
	defer e.mu.Unlock()
	return losses{e.osc.KernelDrops(), e.dropped.Load(), coalesced, e.sources.Late(), e.osc.Withheld.Load()}
}

// noticesPerSecond is how often per second pending notices are looked at, so
// that each is at most a quarter of a second later than it may be.
const noticesPerSecond = 4

// complain logs once per second what was lost or late since the last time, and
// the mistakes of senders that have not been named yet.
func (e *Engine) complain() {
	var logged losses
	tick := time.NewTicker(time.Second / noticesPerSecond)
	defer tick.Stop()
	for n, end := 1, false; !end; n++ {
		now := int64(math.MaxInt64)
		select {
		case <-e.closing:
			end = true
		case <-tick.C:
			now = clock.Now()
		}
		for _, n := range []*osc.Notice{&e.osc.BadNotice, &e.route.ClampNotice, &e.route.ClockNotice} {
			n.Flush(now)
		}
		if n%noticesPerSecond != 0 && !end {
			continue
		}
		lost := e.losses()
		e.compare(logged, lost)
		logged = lost
	}
}

// compare logs what has risen.
func (e *Engine) compare(before, now losses) {
	log, hint := e.cfg.Log, ""
	if granted, asked := e.osc.Buffer(); granted < asked {
		hint = fmt.Sprintf(" (the receive buffer has %d kB of the %d kB asked for: raise net.core.rmem_max)",
			granted>>10, asked>>10)
	}
	for _, c := range []struct {
		before, now uint64
		text        string
	}{
		{before.kernel, now.kernel, "OSC: datagrams were dropped by the kernel before they could be read" + hint},
		{before.dropped, now.dropped, "OSC: commands were dropped, because too many different ones wait"},
		{before.coalesced, now.coalesced, "OSC: too many commands wait: superseded values were left out"},
		{before.late, now.late, "OSC: timed commands came after their frame and acted at once"},
		{before.withheld, now.withheld, "OSC: answers were withheld, because more than 10 per second were asked for"},
	} {
		if c.now > c.before {
			log.Warn(c.text, "count", c.now-c.before, "total", c.now)
		}
	}
}

// StopRequested returns a channel that is closed when /engine/stop asks the
// engine to stop. The caller should then call Stop.
func (e *Engine) StopRequested() <-chan struct{} { return e.stopRequest }

func (e *Engine) requestStop() { e.stopAsked.Do(func() { close(e.stopRequest) }) }
