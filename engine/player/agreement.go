package player

import (
	"chronus/engine/internal/failpoint"
	"chronus/engine/internal/ring"
	"chronus/engine/internal/shm"
)

// look compares what the other rings say of the block a few before n: by then a standby that was late has it too.
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
		p.Player.Diverged.Add(1)
	}
}

// sum is what a slot's ring says of block n, 0 where it says nothing that can be believed. One that is as it was heard needs no
// proof; one that differs is worth the look whether its entry verifies: a flipped bit is no disagreement.
func (p *Player) sum(slot int, n, heard uint64) uint64 {
	s := ring.Sum(p.Rings[slot], n)
	if s != 0 && s != heard && !ring.Copy(p.Rings[slot], p.fold, n, &p.other, p.spare) {
		return 0
	}
	return s
}
