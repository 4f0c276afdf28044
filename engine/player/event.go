package player

import "chronus/engine/internal/shm"

// event is the content of a shm.PlayerEvent.
type event struct {
	block      uint64
	entry, ret int64
	value      int64
	kind       uint32
	slot, from int32
}

// emit puts an event where the host reads it. It overwrites the oldest one; the
// host counts what it missed.
func (p *Player) emit(e event) {
	q := &p.Player.Queue[p.said.events%shm.EventCount]
	q.Index.Store(0)
	q.Block, q.EntryNS, q.ReturnNS, q.Value = e.block, e.entry, e.ret, e.value
	q.Kind, q.Slot, q.From = e.kind, e.slot, e.from
	p.said.events++
	q.Index.Store(p.said.events)
	p.Player.Events.Store(p.said.events)
	shm.Wake(shm.Low(&p.Player.Events))
}
