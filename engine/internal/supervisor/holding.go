package supervisor

import (
	"slices"

	"chronus/engine/internal/ring"
	"chronus/engine/internal/shm"
)

// scratch is what the entries of a ring are copied into to verify them.
type scratch struct {
	header  shm.EntryHeader
	samples []float32
	state   []uint64
}

func newScratch(g *shm.Geometry) scratch {
	return scratch{samples: make([]float32, g.Samples()), state: make([]uint64, g.StateWords)}
}

// newest returns the number of the newest block in a ring whose entry verifies,
// plus one; 0 if there is none. The state of a dead worker's entry, which may
// be all that is left of the music, must verify too. Entries on a branch that
// an outage ended do not count: no worker may go on from them.
func (p *Pool) newest(slot int, dead bool) uint64 {
	r, fold := p.Rings[slot], p.Host.Stamp.Fold()
	var claimed []uint64
	for i := range uint64(p.Host.Geo.Ring) {
		if e, _, _ := r.Entry(i); e.Block > 0 {
			claimed = append(claimed, e.Block)
		}
	}
	slices.Sort(claimed)
	slices.Reverse(claimed)
	for _, have := range claimed {
		if p.ended(have) {
			continue
		}
		c := &p.scratch
		if dead && ring.CopyState(r, fold, have-1, &c.header, c.samples, c.state) ||
			!dead && ring.Copy(r, fold, have-1, &c.header, c.samples) {
			return have
		}
	}
	return 0
}

// ended reports whether a state of have blocks is on a branch that an outage
// ended.
func (p *Pool) ended(have uint64) bool {
	to, prev := p.Player.Skip()
	return to > 0 && have <= to && have > prev
}

// unplayed returns which blocks from playout on a ring holds: bit i stands for
// block playout+i.
func (p *Pool) unplayed(slot int, playout uint64) (set uint64) {
	r, fold := p.Rings[slot], p.Host.Stamp.Fold()
	for i := range min(uint64(p.Host.Geo.Ring), 64) {
		if ring.Copy(r, fold, playout+i, &p.scratch.header, p.scratch.samples) {
			set |= 1 << i
		}
	}
	return set
}
