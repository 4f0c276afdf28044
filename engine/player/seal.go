package player

import (
	"chronus/engine/internal/failpoint"
	"chronus/engine/internal/shm"
)

// seal fixes for every block below count which commands it takes. A seal word
// is written once: blocks below the sealed count exist, others do not.
func (p *Player) seal(count uint64, now int64) {
	cutoff := p.Host.Head.Load()
	for b := p.Player.Sealed.Load(); b < count; b++ {
		prev := b
		if base, skip := p.outage(b); skip {
			prev = base
		}
		s := &p.Player.Seals[b%shm.SealCount]
		s.Prev.Store(prev)
		failpoint.Hit(failpoint.SealPrev)
		s.Word.Store(shm.SealWord(p.fold, b, cutoff))
		failpoint.Hit(failpoint.SealWord)
		if prev != b {
			p.skip = b
		}
		p.Player.SkipTo.Store(p.skip)
		failpoint.Hit(failpoint.SealSkip)
		p.sealedAt[b%sealedMemory] = now
		p.Player.Sealed.Store(b + 1)
		failpoint.Hit(failpoint.SealSealed)
	}
}

// outage decides whether to give up the blocks that no worker has rendered. If
// b lies further beyond the newest published block than a worker may catch up
// by rendering, the music goes on at b from the state after that block. Only
// the player decides this, in the seal, so that every worker does the same.
// After one such decision, the next waits until the workers have had their
// chance.
func (p *Player) outage(b uint64) (base uint64, skip bool) {
	for _, r := range p.Rings {
		base = max(base, r.Published.Load())
	}
	return base, b > max(base, p.skip)+p.Host.Geo.Behind()
}

// given reports whether block n was given up: the music goes on at a later
// block from an earlier state.
func (p *Player) given(n uint64) bool {
	skip := p.Player.SkipTo.Load()
	return n < skip && n >= p.Player.Seals[skip%shm.SealCount].Prev.Load()
}
