package player

import (
	"chronus/engine/clock"
)

// stopWait is how long Ready may not notice Stop, in ns.
const stopWait = 20e6

// Ready waits until the player can begin, at most for as long as the lead
// lasts. The first player of an engine begins when the replicas have filled the
// lead. One that takes over begins at once if a ring holds its block, as it
// does unless the workers died too; until it begins, nothing is heard.
func (p *Player) Ready() {
	until := clock.Now() + int64(p.Host.Geo.Lead)*p.block
	p.Player.Waiting.Store(1)
	defer p.Player.Waiting.Store(0)
	for {
		p.watch()
		left := until - clock.Now()
		if left <= 0 || p.fed() || p.stop.Load() {
			return
		}
		p.set.Wait(min(left, stopWait))
	}
}

// fed reports whether the rings hold what the player needs to begin, or will
// never hold it.
func (p *Player) fed() bool {
	n := p.next
	if n > 0 {
		_, ok := p.take(n)
		return ok || p.given(n)
	}
	full := uint32(0)
	for slot := range p.Rings {
		if p.read(slot, uint64(p.Host.Geo.Lead)-1) {
			full++
		}
	}
	return full >= p.Host.Geo.Replicas
}
