package policy

import (
	"errors"
	"fmt"
	"time"

	"chronus/engine/internal/process"
)

// How long no block may be delivered, in addition to the lead: until that is
// reported, until the processes that run without effect are replaced, and then
// again and again, and until the engine ends. It is long enough for any process
// that can start to have started: the state that dead workers left is worth
// more than a quick end.
const (
	stallReport = time.Second
	stallRenew  = 3 * time.Second
	stallEnd    = 20 * time.Second
	// startMore is how much longer the first block may take, for which every
	// process has to start.
	startMore = 5 * time.Second
)

// liveness watches the whole: whether blocks are delivered, whatever the reason
// if they are not.
type liveness struct {
	delivered uint64        // blocks, without those that were lost
	playout   uint64        // when the last of them was seen, or at the last renewal
	since     time.Duration // when the last of them was seen
	reported  bool
	renewed   time.Duration // how long the stall had lasted at the last renewal
}

// watch finds that no block is delivered, and what to do about it.
func (p *Policy) watch(v *View, d *Decision) {
	l := &p.alive
	if delivered := v.Playout - min(v.Lost, v.Playout); delivered != l.delivered {
		if l.reported {
			d.Resumed = v.Now - l.since
		}
		*l = liveness{delivered: delivered, playout: v.Playout, since: v.Now}
		return
	}
	grace := time.Duration(p.cfg.Lead+2) * p.cfg.Block
	if v.Playout == 0 {
		grace += startMore
	}
	why, lasts := p.why(v), v.Now-l.since-grace
	switch {
	case lasts >= stallEnd:
		d.Fail = fmt.Errorf("no block was delivered for %s: %w", (v.Now - l.since).Round(time.Second), why)
	case lasts >= stallReport && !l.reported:
		l.reported = true
		d.Stalled = why.Error()
	case lasts >= stallRenew+l.renewed:
		// What a player did before the renewal says nothing about the next one.
		l.renewed, l.playout = lasts, v.Playout
		d.RenewPlayer, d.RenewWorkers = why == errStands, why == errNothing
	}
}

// Why no block is delivered although there are workers and a player.
var (
	errStands  = errors.New("the player hands out no block")
	errNothing = errors.New("the player requests blocks and no worker delivers one")
)

// why returns the reason why no block is delivered.
func (p *Policy) why(v *View) error {
	switch {
	case v.count(process.Live) == 0:
		return because("no worker runs", p.workers.last)
	case v.Player == process.Free:
		return because("no player runs", p.player.last)
	case v.Playout > p.alive.playout:
		return errNothing
	}
	return errStands
}

func because(what string, last error) error {
	if last == nil {
		return errors.New(what)
	}
	return fmt.Errorf("%s: %w", what, last)
}
