package supervisor

import (
	"os"

	"chronus/engine/internal/roster"
	"chronus/engine/internal/shm"
)

// Pool holds the memory regions of an engine: one for the host, one for the
// player, one ring per slot, and the compiled program, each with the
// descriptors that its processes are given. Regions outlive the processes that
// write them.
type Pool struct {
	roster.Roster
	host, hostRO     *os.File
	player, playerRO *os.File
	program          *os.File
	rings, ringsRO   []*os.File
	scratch          scratch
	reaped           [shm.MaxSlots]uint32 // by slot: the last generation that is known to be dead
}

// NewPool makes all regions. On an error it leaves nothing behind.
func NewPool(g shm.Geometry, stamp shm.Stamp, program []byte) (*Pool, error) {
	p := &Pool{scratch: newScratch(&g)}
	if err := p.fill(g, stamp, program); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Pool) fill(g shm.Geometry, stamp shm.Stamp, program []byte) (err error) {
	if p.host, p.Host, err = shm.CreateHost(g, stamp); err != nil {
		return err
	}
	if p.hostRO, err = shm.ReadOnly(p.host); err != nil {
		return err
	}
	if p.player, p.Player, err = shm.CreatePlayer(g, stamp); err != nil {
		return err
	}
	if p.playerRO, err = shm.ReadOnly(p.player); err != nil {
		return err
	}
	if p.program, err = shm.Blob("program", program); err != nil {
		return err
	}
	for slot := range int(g.Slots) {
		f, r, err := shm.CreateRing(slot, g, stamp)
		if err != nil {
			return err
		}
		p.rings, p.Rings = append(p.rings, f), append(p.Rings, r)
		ro, err := shm.ReadOnly(f)
		if err != nil {
			return err
		}
		p.ringsRO = append(p.ringsRO, ro)
	}
	return nil
}

// workerFiles returns a worker's descriptors from 3 on, in the order of
// worker.FDHost and the constants that follow it.
func (p *Pool) workerFiles(slot int) []*os.File {
	return append([]*os.File{p.hostRO, p.playerRO, p.program, p.rings[slot]}, p.ringsRO...)
}

// playerFiles returns a player's descriptors from 3 on.
func (p *Pool) playerFiles(control *os.File) []*os.File {
	return append([]*os.File{p.hostRO, p.player, control}, p.ringsRO...)
}

// recycle makes the slot new for the worker of a generation. The process that
// owned it has been reaped.
func (p *Pool) recycle(slot int, generation uint32) error {
	s := &p.Host.Slots[slot]
	s.Idle.Store(p.Term(slot)) // the dead worker's activation is over
	if err := shm.ZeroRing(p.rings[slot], p.Rings[slot]); err != nil {
		return err
	}
	s.Generation.Store(generation)
	p.Host.Renew() // the new process believes this header, and no other
	return nil
}

// reap records that the process of a generation is dead, for every reader of
// its ring: a worker that has damaged its robust futex is not marked by the
// kernel.
func (p *Pool) reap(slot int, generation uint32) {
	p.reaped[slot] = generation
	p.Host.Slots[slot].Reaped.Store(generation)
}

// restate stores the words of a slot again that every process believes. What
// activates a worker is not among them: a wrong activation makes one worker too
// many or too few render, which is mended like a late one.
func (p *Pool) restate(slot int, generation uint32) {
	h := &p.Host.Slots[slot]
	h.Generation.Store(generation)
	h.Reaped.Store(p.reaped[slot])
}

// renewPlayer prepares the player's region for the next player.
func (p *Pool) renewPlayer() error {
	p.Host.Renew()
	return shm.RenewPlayer(p.player, p.Host.Geo, p.Host.Stamp)
}

// Close unmaps and closes everything.
func (p *Pool) Close() {
	if p.Host != nil {
		_ = p.Host.Close()
	}
	if p.Player != nil {
		_ = p.Player.Close()
	}
	for _, r := range p.Rings {
		_ = r.Close()
	}
	files := append([]*os.File{p.host, p.hostRO, p.player, p.playerRO, p.program}, p.rings...)
	for _, f := range append(files, p.ringsRO...) {
		if f != nil {
			_ = f.Close()
		}
	}
}
