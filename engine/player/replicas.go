package player

import (
	"chronus/engine/clock"
	"chronus/engine/internal/shm"
)

// sealedMemory is the number of blocks whose time of sealing is remembered, a
// power of two above shm.MaxLead.
const sealedMemory = 128

// fill activates spares until as many workers keep up as there should be
// replicas. Late is not dead: no worker is stopped. But however many workers
// are late and still make progress, at most one more is activated to help: what
// is short then is CPU time, which every further renderer takes from the
// others. A surplus renderer has no real-time priority and so takes nothing
// from those that have. Without real-time priorities even one more would: then
// only a worker that stands still is replaced.
func (p *Player) fill(now int64) {
	keep, work := 0, 0
	for slot := range p.Rings {
		if !p.Renders(slot) {
			continue
		}
		published := p.Claims(slot, p.sealed)
		if published != p.published[slot] {
			p.published[slot], p.progressed[slot] = published, now
		}
		since := now - p.ActivatedNS(slot)
		fresh := since >= 0 && since < 2*p.block
		if fresh || now-p.progressed[slot] <= p.late+p.block {
			work++
		}
		if fresh || p.keepsUp(published, now) {
			keep++
		}
	}
	replicas := int(p.Host.Geo.Replicas)
	most := replicas
	if p.Host.Geo.Fifo != 0 {
		most++
	}
	for ; keep < replicas && work < most; keep, work = keep+1, work+1 {
		slot := p.Spare()
		if slot < 0 {
			return
		}
		s, is := &p.Player.Slots[slot], &p.said.active[slot]
		is.ns, is.term = clock.Now(), p.Activation(slot)
		s.AtNS.Store(is.ns)
		s.Activate.Store(is.term)
		shm.Wake(&s.Activate)
		p.emit(event{
			kind: shm.EventActivated, block: p.next, entry: now, ret: is.ns, slot: int32(slot), from: -1,
		})
	}
}

func (p *Player) keepsUp(published uint64, now int64) bool {
	if published >= p.sealed {
		return true
	}
	return p.sealed-published < sealedMemory && now-p.sealedAt[published%sealedMemory] <= p.late
}
