// Package cmdlog is the command log: the host appends, workers read. One log serves every replica, so that all of them
// apply the same commands at the same frames.
//
// Commands carry no block number. A block takes what its seal says, and seals are the player's. The package knows when a
// record may be reused, and nothing of what a command means.
package cmdlog

import (
	"math"

	"chronus/engine/shm"
)

// Command is a new value for one word of the state arena.
type Command struct {
	Address uint32
	Value   float64
	RecvNS  int64 // CLOCK_MONOTONIC, when it was received
}

// Writer appends to the log. It belongs to one goroutine of the host.
type Writer struct {
	host   *shm.Host
	player *shm.Player
	rings  []*shm.Ring
	fold   uint64
	head   uint64 // written, of which host.Head are committed
	floor  uint64 // records below it may be reused
}

// NewWriter goes on where the log stands.
func NewWriter(host *shm.Host, player *shm.Player, rings []*shm.Ring) *Writer {
	return &Writer{host: host, player: player, rings: rings, fold: host.Stamp.Fold(), head: host.Head.Load()}
}

// Head is the number of commands in the log.
func (w *Writer) Head() uint64 { return w.head }

// Room is how many commands may be appended now. No block takes more than shm.HeadRoom, and no record is reused that a
// worker may still need: one that goes on from a block a ring's length before the newest rendered or played.
func (w *Writer) Room() int {
	geo := &w.host.Geo
	sealed, need := w.player.Sealed.Load(), w.player.Playout.Load()
	newest := uint64(0)
	for _, r := range w.rings {
		newest = max(newest, r.Published.Load())
	}
	need = min(need, newest)
	if need > uint64(geo.Ring) {
		if c, ok := w.cutoff(need - uint64(geo.Ring) - 1); ok {
			w.floor = max(w.floor, c)
		}
	}
	last := uint64(0)
	if sealed > 0 {
		last, _ = w.cutoff(sealed - 1)
	}
	ahead := int64(shm.HeadRoom) - int64(w.head-last)
	reuse := int64(w.floor) + int64(geo.LogRecords) - int64(w.head)
	return int(max(0, min(ahead, reuse)))
}

func (w *Writer) cutoff(block uint64) (uint64, bool) {
	return shm.OpenSeal(w.fold, block, w.player.Seals[block%shm.SealCount].Word.Load())
}

// Append writes a command behind the head, where nobody looks before Commit. The caller has asked Room.
func (w *Writer) Append(c Command) {
	r := &w.host.Records[w.head&uint64(w.host.Geo.LogRecords-1)]
	r.Index = w.head + 1
	r.Value = math.Float64bits(c.Value)
	r.Frame = -1
	r.RecvNS = c.RecvNS
	r.Address = c.Address
	r.Flags = 0
	r.Sum = shm.RecordSum(r)
	w.head++
}

// Commit moves the head, at the end of a bundle: a seal takes all of it or nothing.
func (w *Writer) Commit() { w.host.Head.Store(w.head) }

// Read copies record index out of the log and says whether the copy is that record. It does not allocate.
func Read(host *shm.Host, index uint64, into *shm.LogRecord) bool {
	*into = host.Records[index&uint64(host.Geo.LogRecords-1)]
	return into.Index == index+1 && into.Sum == shm.RecordSum(into)
}
