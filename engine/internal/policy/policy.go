// Package policy decides which processes of an engine are started, and when the
// engine gives up. It is a pure state machine: a View goes in, a Decision comes
// out, and time is part of the view. It must not look at a process, at shared
// memory or at a clock.
//
// What it holds, whatever the order of deaths and failures: the engine plays,
// or comes to play within bounded time, or ends with an error. A slot never has
// two processes. A ring is not given away while it alone holds the newest state
// or a block that was not played, unless nothing else can go on.
package policy

import (
	"time"

	"chronus/engine/internal/process"
)

// Config is what never changes for an engine.
type Config struct {
	Replicas int           // workers that render
	Spares   int           // idle workers
	Lead     int           // blocks sealed ahead of playout
	Block    time.Duration // length of a block
}

// View is what is known about the processes of an engine at one moment.
type View struct {
	// Now is the time since the start, of which only what the observer has
	// watched counts: while the host is stopped, it stands.
	Now        time.Duration
	Slots      []Slot
	Generation uint32 // of the worker that was started last
	Player     process.State
	Playout    uint64 // blocks below it were handed out
	Lost       uint64 // how many of those were silence because no ring had them
}

// Slot is a ring and the worker that owns it.
type Slot struct {
	State   process.State
	Renders bool   // the worker publishes blocks, or would if there were a player
	Idle    bool   // the worker is a ready spare
	Holds   uint64 // the newest block in the ring that verifies, plus one; 0: none
	// Unplayed has bit i set if the ring holds block Playout+i.
	Unplayed uint64
}

// Decision is what is to be done, in the order of the fields.
type Decision struct {
	// Fail is the error that ends the engine, or nil. Nothing else is to be
	// done then.
	Fail error
	// Stalled is why no sound has come for a while, once per stall; "": nothing
	// new.
	Stalled string
	// Resumed is how long the stall lasted that has ended; 0: none has.
	Resumed time.Duration
	// RenewPlayer and RenewWorkers order the end of the player, or of all live
	// workers: they run and no sound comes of it.
	RenewPlayer, RenewWorkers bool
	// Workers are the slots in which workers are to be started.
	Workers []int
	// Player orders the start of a player.
	Player bool
	// Whole reports that there are as many renderers and spares as there
	// should be.
	Whole bool
}

// firstPatience is how long the first player waits for all workers. It starts
// with what there is if some cannot start.
const firstPatience = 2 * time.Second

// Policy is the state between decisions.
type Policy struct {
	cfg     Config
	workers restarts
	player  restarts
	alive   liveness
}

// New returns the policy of an engine that has not started anything yet.
func New(cfg Config) *Policy { return &Policy{cfg: cfg} }

// Decide returns what is to be done now. The caller does it before it calls
// Decide again, so that the next view has the processes that were started.
func (p *Policy) Decide(v View) Decision {
	d := Decision{Whole: p.whole(&v)}
	if d.Fail = p.giveUp(&v); d.Fail != nil {
		return d
	}
	p.watch(&v, &d)
	if d.Fail != nil {
		return d
	}
	d.Workers = p.missing(&v)
	d.Player = v.Player == process.Free && p.player.ready(v.Now) &&
		(v.Playout > 0 || d.Whole || v.Now >= firstPatience) && v.fed()
	return d
}

func (p *Policy) whole(v *View) bool {
	renders, idle := 0, 0
	for i := range v.Slots {
		switch s := &v.Slots[i]; {
		case s.State != process.Live:
		case s.Idle:
			idle++
		case s.Renders:
			renders++
		}
	}
	return renders >= p.cfg.Replicas && renders+idle >= p.cfg.Replicas+p.cfg.Spares
}

// missing returns the slots in which workers are to be started now. After a
// failure only one is started at a time, until one has become ready: what kept
// it from starting would keep the others from it too.
func (p *Policy) missing(v *View) (slots []int) {
	if !p.workers.ready(v.Now) {
		return nil
	}
	starting, live := v.count(process.Starting), v.count(process.Live)
	for starting+live < p.cfg.Replicas+p.cfg.Spares {
		if p.workers.failed > 0 && starting > 0 {
			break
		}
		slot := v.vacant(slots, starting+live == 0)
		if slot < 0 {
			break
		}
		slots = append(slots, slot)
		starting++
	}
	return slots
}

func (v *View) count(state process.State) (n int) {
	for i := range v.Slots {
		if v.Slots[i].State == state {
			n++
		}
	}
	return n
}

// fed reports whether a player would have something to play: a live worker, or
// a block that a dead one had finished.
func (v *View) fed() bool {
	for i := range v.Slots {
		if s := &v.Slots[i]; s.State == process.Live || s.Holds > v.Playout {
			return true
		}
	}
	return false
}
