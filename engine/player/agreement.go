package player

import (
	"chronus/engine/internal/failpoint"
	"chronus/engine/internal/ring"
	"chronus/engine/internal/shm"
)

// look compares the rings' checksums of the block shm.LateLook before n: by
// then a standby that was late has published it as well.
func (p *Player) look(n uint64) {
	if n < shm.LateLook {
		return
	}
	b := n - shm.LateLook
	d, _ := p.Player.Delivered(b)
	diverged := false
	for i := range p.Rings {
		if s := p.sum(i, b, d.Sum); s != 0 {
			d.Sums[i] = s
			failpoint.Hit(failpoint.SealLate)
		}
		diverged = diverged || d.Sum != 0 && d.Sums[i] != 0 && d.Sums[i] != d.Sum
	}
	if diverged {
		p.said.diverged++
		p.Player.Diverged.Store(p.said.diverged)
	}
}

// sum returns the checksum of block n in a slot's ring, or 0 if the ring has
// none that can be believed. A checksum equal to that of the block heard needs
// no proof. If it differs, the entry must verify: a flipped bit is not a
// disagreement.
func (p *Player) sum(slot int, n, heard uint64) uint64 {
	s := ring.Sum(p.Rings[slot], n)
	if s != 0 && s != heard && !ring.Copy(p.Rings[slot], p.fold, n, &p.other, p.spare) {
		return 0
	}
	return s
}
