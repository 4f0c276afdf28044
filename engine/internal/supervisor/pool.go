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
}

// NewPool makes all regions. On an error it leaves nothing behind.
func NewPool(g shm.Geometry, stamp shm.Stamp, program []byte) (*Pool, error) {
	p := &Pool{}
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

// drained reports whether a dead process's ring can be given to another: every
// block in it was played, and another ring is at least as far, so that no state
// is lost with it.
func (p *Pool) drained(slot int) bool {
	mine := p.Rings[slot].Published.Load()
	if mine == 0 {
		return true
	}
	if mine > p.Player.Playout.Load() {
		return false
	}
	for other, r := range p.Rings {
		if other != slot && r.Published.Load() >= mine {
			return true
		}
	}
	return false
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
	return nil
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
