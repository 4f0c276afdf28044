package player

import (
	"chronus/engine/internal/cmdlog"
	"chronus/engine/internal/failpoint"
	"chronus/engine/internal/shm"
)

// seal fixes for every block below count which commands it takes. A seal word
// is written once: blocks below the sealed count exist, others do not.
func (p *Player) seal(count uint64, now int64) {
	if p.sealed >= count {
		return
	}
	cutoff := p.commands()
	for b := p.sealed; b < count; b++ {
		prev := b
		if base, skip := p.outage(b); skip {
			prev = base
		}
		s := &p.Player.Seals[b%shm.SealCount]
		is := &p.seals[b%sealedMemory]
		is.word, is.prev = shm.SealWord(p.fold, b, prev, cutoff), prev
		s.Prev.Store(is.prev)
		failpoint.Hit(failpoint.SealPrev)
		s.Word.Store(is.word)
		failpoint.Hit(failpoint.SealWord)
		p.cutoff = cutoff
		if prev != b {
			p.said.skip = b
		}
		p.Player.SkipTo.Store(p.said.skip)
		failpoint.Hit(failpoint.SealSkip)
		p.sealedAt[b%sealedMemory] = now
		p.sealed = b + 1
		p.Player.Sealed.Store(b + 1)
		failpoint.Hit(failpoint.SealSealed)
	}
}

// commands returns the cut-off for the next seal: the head of the log, provided
// that every command below it is there and whole. Otherwise no worker could
// render the block, so the seal takes no more commands than the last one.
func (p *Player) commands() uint64 {
	head := p.Host.Commands()
	if head < p.cutoff || head > p.cutoff+shm.HeadRoom {
		return p.cutoff
	}
	for p.verified = max(p.verified, p.cutoff); p.verified < head; p.verified++ {
		if !cmdlog.Read(p.Host, p.verified, &p.record) {
			return p.cutoff
		}
	}
	return head
}

// outage decides whether to give up the blocks that no worker has rendered. If
// b lies further beyond the newest block that a ring holds than a worker may
// catch up by rendering, the music goes on at b from the state after that
// block. Only the player decides this, in the seal, so that every worker does
// the same. After one such decision, the next waits until the workers have had
// their chance.
//
// The block must be there, with its state, whatever the rings claim: if no
// worker could restore what the seal names, none would ever render again. The
// search is only made when the blocks that were heard lie too far back.
func (p *Player) outage(b uint64) (base uint64, skip bool) {
	behind := p.Host.Geo.Behind()
	if b <= max(p.made, p.said.skip)+behind {
		return 0, false
	}
	base = p.newest()
	p.made = max(p.made, base)
	return base, b > max(base, p.said.skip)+behind
}

// newest returns the number of blocks in the newest state that any ring holds
// and that a worker may continue; 0 if there is none.
func (p *Player) newest() (have uint64) {
	to, prev := p.Player.Skip()
	for _, r := range p.Rings {
		n := p.reader.Newest(r, p.sealed)
		for n > have && (to > 0 && n <= to && n > prev || !p.reader.HoldsState(r, n-1)) {
			n = p.reader.Before(r, n)
		}
		have = max(have, n)
	}
	return have
}

// given reports whether block n was given up: the music goes on at a later
// block from an earlier state.
func (p *Player) given(n uint64) bool {
	to, prev := p.Player.Skip()
	return n < to && n >= prev
}
