package player

import "chronus/engine/internal/shm"

// restated holds the words of the player's region for which the callback, and
// not the region, is the authority.
type restated struct {
	primary  int32  // the slot read first; -1: none yet
	skip     uint64 // the first block after the last outage
	events   uint64
	switches uint64
	lost     uint64 // frames
	xruns    uint64
	xrunNS   uint64
	diverged uint64 // blocks
	dry      uint64 // calls
	late     uint64 // switches
	fifo     uint32
	grid     grid
	active   [shm.MaxSlots]activation
}

// grid is what the region says of the grid that blocks are due on.
type grid struct {
	at, originAt uint64
	ns, originNS int64
}

// activation is a PlayerSlot.
type activation struct {
	term uint32
	ns   int64
}

// inherit takes over what a predecessor that died has left in the region. No
// word is believed that the seals, the delivered blocks or the events
// contradict.
func (p *Player) inherit() {
	region := p.Player
	p.next = region.Played()
	if d, _ := region.Delivered(p.next); d.Block.Load() == p.next+1 && d.Sealed != 0 {
		p.next++
	}
	p.sealed = max(region.Exists(), p.next)
	for b := p.next; b < p.sealed; b++ {
		s := &region.Seals[b%shm.SealCount]
		p.seals[b%sealedMemory] = sealedBlock{s.Word.Load(), s.Prev.Load()}
	}
	if p.sealed > 0 {
		_, p.cutoff, _ = region.Seal(p.sealed - 1)
	}
	p.made = p.next
	if p.next > 0 {
		d, _ := region.Delivered(p.next - 1)
		p.taken = d.Cutoff
	}
	s := &p.said
	s.primary, s.skip = region.Primary.Load(), p.lastSkip()
	if s.primary < 0 || int(s.primary) >= len(p.Rings) {
		s.primary = -1
	}
	for i := range region.Queue {
		s.events = max(s.events, region.Event(uint64(i)))
	}
	region.SkipTo.Store(s.skip)
	region.Sealed.Store(p.sealed)
	region.Playout.Store(p.next)
	s.switches, s.lost, s.diverged = region.Switches.Load(), region.Lost.Load(), region.Diverged.Load()
	s.xruns, s.xrunNS, s.fifo = region.Xruns.Load(), region.XrunNS.Load(), region.Fifo.Load()
	s.dry, s.late = region.Dry.Load(), region.Late.Load()
	s.grid.at, s.grid.ns = region.Anchor()
	s.grid.originAt, s.grid.originNS = region.OriginAt.Load(), region.OriginNS.Load()
	for i := range s.active {
		s.active[i] = activation{region.Slots[i].Activate.Load(), region.Slots[i].AtNS.Load()}
	}
}

// lastSkip searches the seal table for the first block after the last outage; 0
// if there is none. The predecessor may have died before it stored SkipTo.
func (p *Player) lastSkip() uint64 {
	for b := p.sealed; b > 0 && p.sealed-b < shm.SealCount; b-- {
		if prev, _, ok := p.Player.Seal(b - 1); ok && prev != b-1 {
			return b - 1
		}
	}
	return 0
}

// Anchor records that block at is due at ns, CLOCK_MONOTONIC, and with begins
// that the grid begins there.
func (p *Player) Anchor(at uint64, ns int64, begins bool) {
	g := &p.said.grid
	g.at, g.ns = at, ns
	if begins {
		g.originAt, g.originNS = at, ns
	}
	p.Player.SetAnchor(at, ns)
	p.Player.OriginAt.Store(g.originAt)
	p.Player.OriginNS.Store(g.originNS)
}

// sealedBlock is a seal.
type sealedBlock struct{ word, prev uint64 }

// restateSeals stores again the seals of the blocks to come. Both replicas may
// still have to read them, and there is no other copy.
func (p *Player) restateSeals() {
	for b := p.next; b < p.sealed; b++ {
		s, is := &p.Player.Seals[b%shm.SealCount], &p.seals[b%sealedMemory]
		if s.Word.Load() != is.word || s.Prev.Load() != is.prev {
			s.Prev.Store(is.prev)
			s.Word.Store(is.word)
		}
	}
}

// restate stores again, once per block, the words of the header that seal and
// deliver do not store anyway: a stray store into one of them lives for a block
// at most.
func (p *Player) restate() {
	region, s := p.Player, &p.said
	p.restateSeals()
	if region.Events.Load() != s.events {
		region.Events.Store(s.events)
	}
	region.Xruns.Store(s.xruns)
	region.XrunNS.Store(s.xrunNS)
	region.Diverged.Store(s.diverged)
	region.Fifo.Store(s.fifo)
	region.Dry.Store(s.dry)
	region.Late.Store(s.late)
	if at, ns := region.Anchor(); at != s.grid.at || ns != s.grid.ns {
		region.SetAnchor(s.grid.at, s.grid.ns)
	}
	region.OriginAt.Store(s.grid.originAt)
	region.OriginNS.Store(s.grid.originNS)
	for i := range p.Rings {
		slot, is := &region.Slots[i], &s.active[i]
		if slot.Activate.Load() != is.term || slot.AtNS.Load() != is.ns {
			slot.AtNS.Store(is.ns)
			slot.Activate.Store(is.term)
		}
	}
}
