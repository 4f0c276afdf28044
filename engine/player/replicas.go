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
		published := p.Rings[slot].Published.Load()
		if published != p.published[slot] {
			p.published[slot], p.progressed[slot] = published, now
		}
		fresh := now-p.ActivatedNS(slot) < 2*p.block
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
		s := &p.Player.Slots[slot]
		s.AtNS.Store(clock.Now())
		s.Activate.Store(p.Activation(slot))
		shm.Wake(&s.Activate)
		p.emit(event{
			kind: shm.EventActivated, block: p.next, entry: now, ret: s.AtNS.Load(), slot: int32(slot), from: -1,
		})
	}
}

func (p *Player) keepsUp(published uint64, now int64) bool {
	sealed := p.Player.Sealed.Load()
	if published >= sealed {
		return true
	}
	return sealed-published < sealedMemory && now-p.sealedAt[published%sealedMemory] <= p.late
}
