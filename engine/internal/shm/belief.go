package shm

// What the words of the player's header are worth. The player restates each of
// them with every block, so a stray store lives for one block at most. Until
// then, and for as long as no player lives, a reader holds them to what else
// the region says: to the seals, which carry a checksum, and to the numbers in
// the delivered blocks.

// SetHead records that the commands below an index are in the log. Only the
// host calls it.
func (h *Host) SetHead(head uint64) {
	h.Head.Store(head)
	for i := range h.Heads {
		h.Heads[i].Store(headWord(h.fold, head))
	}
}

// Commands returns the number of commands in the log, as far as one of the two
// words with a checksum says; 0 if none does. A player must not believe any
// other: a bundle that it took only in part would be heard torn.
func (h *Host) Commands() (head uint64) {
	for i := range h.Heads {
		w := h.Heads[i].Load()
		if n := w & (1<<cutoffBits - 1); w == headWord(h.fold, n) {
			head = max(head, n)
		}
	}
	return head
}

func headWord(fold, head uint64) uint64 { return SealWord(^fold, 0, 0, head) }

// SinkWord returns the word that reports an errno, 0 for none, in a way that a
// stray bit contradicts.
func SinkWord(errno uint32) uint32 { return errno<<16 | errno&0xffff }

// SinkErrno returns the errno in such a word. It reports false if the word is
// damaged.
func SinkErrno(word uint32) (errno uint32, ok bool) { return word & 0xffff, word>>16 == word&0xffff }

// Seal returns what the seal of a block says: which block's state it continues,
// as Seal.Prev, and which commands it takes. It reports false if there is no
// such seal, or none that verifies.
func (p *Player) Seal(block uint64) (prev, cutoff uint64, ok bool) {
	s := &p.Seals[block%SealCount]
	word := s.Word.Load()
	prev = s.Prev.Load()
	cutoff, ok = OpenSeal(p.fold, block, prev, word)
	return prev, cutoff, ok
}

// Skip returns the first block after the last outage, and the number of blocks
// in the state that it continues. It returns 0, 0 if there was no outage, or if
// the seal of the block does not bear one out.
func (p *Player) Skip() (to, prev uint64) {
	to = p.SkipTo.Load()
	if to == 0 {
		return 0, 0
	}
	if prev, _, ok := p.Seal(to); ok && prev < to {
		return to, prev
	}
	return 0, 0
}

// Played returns the number of blocks that have been handed out: Playout, if
// the delivered blocks agree with it, otherwise what they say. It may lag by
// one block.
func (p *Player) Played() uint64 {
	n := p.Playout.Load()
	if n == 0 && p.delivered(0) != 1 {
		return 0
	}
	if n == 0 || p.delivered(n-1) != n {
		n = 0
		for i := range uint64(DeliveredCount) {
			if d := p.delivered(i); d > n && (d-1)%DeliveredCount == i {
				n = d
			}
		}
		return n
	}
	// The block in flight is at most one ahead.
	for p.delivered(n+1) == n+2 {
		n++
	}
	return n
}

// delivered returns the number, plus one, of the delivered block that lies in
// the place of the given one.
func (p *Player) delivered(block uint64) uint64 {
	d, _ := p.Delivered(block)
	return d.Block.Load()
}

// Event returns the number of the event in a place of the queue, from 1; 0 if
// there is none.
func (p *Player) Event(place uint64) uint64 {
	place %= EventCount
	if n := p.Queue[place].Index.Load(); n > 0 && (n-1)%EventCount == place {
		return n
	}
	return 0
}

// NextEvent returns the number of the oldest event in the queue after event n;
// 0 if there is none. It goes by the events and not by their count.
func (p *Player) NextEvent(n uint64) (next uint64) {
	if next = p.Event(n); next == n+1 {
		return next
	}
	if next == 0 && p.Events.Load() <= n {
		return 0
	}
	next = 0
	for i := range uint64(EventCount) {
		if e := p.Event(i); e > n && (next == 0 || e < next) {
			next = e
		}
	}
	return next
}

// Exists returns the number of blocks that are sealed: Sealed, if the seals
// agree with it, otherwise what they say.
func (p *Player) Exists() uint64 {
	sealed := p.Sealed.Load()
	if sealed > 0 && p.opens(sealed-1) && !p.opens(sealed) {
		return sealed
	}
	from := p.Played()
	for b := from + uint64(p.Geo.Lead) + 1; b >= from && b > 0; b-- {
		if p.opens(b - 1) {
			return b
		}
	}
	return from
}

func (p *Player) opens(block uint64) bool {
	_, _, ok := p.Seal(block)
	return ok
}
