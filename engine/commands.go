//go:build linux

package engine

import (
	"time"

	"chronus/engine/command"
	"chronus/engine/osc"
)

// router routes the datagrams of the OSC server to the queue, and whatever is
// not a command to the engine.
func (e *Engine) router() *osc.Router {
	t := &timing{player: e.pool.Player, geo: &e.pool.Host.Geo}
	return &osc.Router{Routes: routes(e), Timeline: t.timeline, Sink: e.sink}
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

// StopRequested returns a channel that is closed when /engine/stop asks the
// engine to stop. The caller should then call Stop.
func (e *Engine) StopRequested() <-chan struct{} { return e.stopRequest }

func (e *Engine) requestStop() { e.stopAsked.Do(func() { close(e.stopRequest) }) }
