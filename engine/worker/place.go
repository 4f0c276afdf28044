package worker

import (
	"golang.org/x/sys/unix"

	"chronus/engine/clock"
	"chronus/engine/internal/roster"
	"chronus/engine/internal/shm"
)

// placeEvery is after how many blocks a renderer checks again whether another
// one is pinned to its CPU.
const placeEvery = 8

// placement gives the render thread the priority and the CPU that fit what the
// worker is doing. It acts on the calling thread, and leaves it alone unless
// SCHED_FIFO is granted.
type placement struct {
	roster.Roster
	own  *shm.Ring
	slot int

	all  unix.CPUSet // the CPUs that the thread may use
	cpus []int       // the same CPUs, one by one

	settled  bool   // has published a block since it was activated
	priority int    // under SCHED_FIFO; 0: normal
	again    uint64 // the block at which to choose a CPU again
	others   [shm.MaxSlots]progress
}

// progress is the published count of another worker's ring when it was last
// read, and when that count last changed.
type progress struct {
	published  uint64
	progressed int64
}

func newPlacement(r roster.Roster, own *shm.Ring, slot int) (placement, error) {
	p := placement{Roster: r, own: own, slot: slot}
	all, err := shm.CPUs()
	if err != nil {
		return p, err
	}
	p.all = all
	for cpu := range shm.MaxCPUs {
		if all.IsSet(cpu) {
			p.cpus = append(p.cpus, cpu)
		}
	}
	return p, nil
}

// idle gives the thread the rank of a spare and forgets what was observed of
// the other workers.
func (p *placement) idle(next uint64) {
	p.settled, p.others = false, [shm.MaxSlots]progress{}
	p.rank(next)
}

// rank gives the thread the priority and the CPU that go with its present task;
// next is the block it renders next. A worker that was just activated roams:
// the dead worker's CPU may still be busy tearing it down. A worker that has
// published a block is pinned to a CPU of its own, above all when it cannot
// catch up: two renderers on one CPU never would. A renderer beyond the number
// of replicas gets no real-time priority at all. It was activated because
// another one is late; it must neither make that worse nor starve the host,
// which is about to make one of them idle again.
func (p *placement) rank(next uint64) {
	if p.Host.Geo.Fifo == 0 {
		return
	}
	priority := shm.PrioritySpare
	switch {
	case p.surplus():
		priority = 0
	case p.settled:
		priority = shm.PriorityRenderer
	}
	if priority == shm.PriorityRenderer && next >= p.again {
		p.pin()
		p.again = next + placeEvery
	}
	if priority == p.priority {
		return
	}
	if priority != shm.PriorityRenderer {
		p.own.CPU.Store(-1)
		p.again = 0
		_ = shm.Roam(&p.all)
	}
	p.priority = priority
	_ = shm.Fifo(0, priority)
}

// pin pins the thread to a CPU to which no other renderer is pinned, so that
// one stalled CPU never holds all of them. If there are too few CPUs, or two
// renderers chose the same one at the same time, the one in the higher slot
// moves, and only to a CPU that holds fewer renderers.
func (p *placement) pin() {
	mine := p.own.CPU.Load()
	if mine >= 0 && p.pinned(int(mine), p.slot) == 0 {
		return
	}
	best, fewest := int(mine), len(p.Rings)
	if mine >= 0 {
		fewest = p.pinned(int(mine), len(p.Rings))
	}
	// Each slot begins its search at another CPU, so that renderers that
	// choose at the same time choose differently.
	first := 0
	for slot := range p.slot {
		if p.Renders(slot) {
			first++
		}
	}
	for i := range p.cpus {
		cpu := p.cpus[(first+i)%len(p.cpus)]
		if n := p.pinned(cpu, len(p.Rings)); n < fewest {
			best, fewest = cpu, n
		}
	}
	if best >= 0 && int32(best) != mine && shm.Pin(best) == nil {
		p.own.CPU.Store(int32(best))
	}
}

// pinned returns how many other renderers in the slots below the given one are
// pinned to cpu.
func (p *placement) pinned(cpu, below int) (n int) {
	for slot, r := range p.Rings[:below] {
		if slot != p.slot && p.Renders(slot) && r.CPU.Load() == int32(cpu) {
			n++
		}
	}
	return n
}

// surplus reports whether there are replicas enough without this worker: as
// many as are needed were activated before it and make progress. A worker that
// stands still does not count, but a late one does: on a machine so slow that
// all of them are late, one more renderer of the same priority would take from
// them the time that they need to catch up.
func (p *placement) surplus() bool {
	if !p.Wanted(p.slot) {
		return false
	}
	now, sealed, since := clock.Now(), p.Player.Sealed.Load(), p.ActivatedNS(p.slot)
	before := 0
	for slot, r := range p.Rings {
		if slot == p.slot || !p.Renders(slot) {
			continue
		}
		published, s := r.Published.Load(), &p.others[slot]
		if published != s.published {
			if s.published != 0 { // progress before the first reading is not recent
				s.progressed = now
			}
			s.published = published
		}
		lead := int64(p.Host.Geo.Lead)
		works := published+uint64(lead) >= sealed || now-s.progressed <= (lead+1)*p.Host.Geo.BlockNS()
		if at := p.ActivatedNS(slot); works && (at < since || at == since && slot < p.slot) {
			before++
		}
	}
	return before >= int(p.Host.Geo.Replicas)
}
