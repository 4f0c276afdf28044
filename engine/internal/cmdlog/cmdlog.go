// Package cmdlog is the command log: the host appends, workers read. One log serves every replica, so that all of them
// apply the same commands at the same frames.
//
// Commands carry no block number. A block takes what its seal says, and seals are the player's. A timed command carries the
// frame it is meant for: the state of a worker keeps it from the block that takes it until then, and has room for Timed of
// them. So most of the waiting is done in the host, see Queue. The package knows when a record may be reused and when a place in the
// state is free, and nothing of what a command means.
package cmdlog

import (
	"math"
	"slices"

	"chronus/engine/internal/shm"
)

// Command is a new value for one word of the state arena.
type Command struct {
	Address uint32
	Value   float64
	RecvNS  int64 // CLOCK_MONOTONIC, when it was received
	At      int64 // the absolute frame it takes effect at, plus one; 0: at the start of the block that takes it
}

// Frame is what the log and the tape say of At: the absolute frame, -1 for the start of the block that takes it.
func (c *Command) Frame() int64 { return c.At - 1 }

// Timed is how many timed commands the log holds at most that have not been applied. A worker's state has room for as many.
const Timed = 256

// Writer appends to the log. It belongs to one goroutine of the host.
type Writer struct {
	host   *shm.Host
	player *shm.Player
	rings  []*shm.Ring
	fold   uint64
	head   uint64 // written, of which host.Head are committed
	floor  uint64 // records below it may be reused
	timed  []timed
	freed  uint64 // the block up to which timed was last looked through
}

// timed is a timed command in the log that a worker's state may still have to hold.
type timed struct {
	index uint64
	frame int64
}

// NewWriter goes on where the log stands.
func NewWriter(host *shm.Host, player *shm.Player, rings []*shm.Ring) *Writer {
	w := &Writer{host: host, player: player, rings: rings, fold: host.Stamp.Fold(), head: host.Head.Load(), timed: make([]timed, 0, Timed)}
	var r shm.LogRecord
	for i := w.head - min(w.head, uint64(host.Geo.LogRecords)); i < w.head; i++ {
		if Read(host, i, &r) && r.Frame >= 0 {
			w.timed = append(w.timed, timed{i, r.Frame})
		}
	}
	return w
}

// Head is the number of commands in the log.
func (w *Writer) Head() uint64 { return w.head }

// Room is how many commands may be appended now. No block takes more than shm.HeadRoom, and no record is reused that a
// worker may still need: one that goes on from a block a ring's length before the newest rendered or played.
func (w *Writer) Room() int {
	geo := &w.host.Geo
	sealed, need := w.player.Sealed.Load(), w.made()
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

// made is the number of blocks that have been both rendered and played.
func (w *Writer) made() uint64 {
	newest := uint64(0)
	for _, r := range w.rings {
		newest = max(newest, r.Published.Load())
	}
	return min(w.player.Playout.Load(), newest)
}

// TimedRoom is how many timed commands may be appended now. A place is free again once the block has been made that took the
// command, and the one that its frame lies in: a late command is in the state while its block is rendered.
func (w *Writer) TimedRoom() int {
	if made := w.made(); made > w.freed {
		if cutoff, ok := w.cutoff(made - 1); ok {
			frame := int64(made) * int64(w.host.Geo.Frames)
			w.timed = slices.DeleteFunc(w.timed, func(t timed) bool { return t.index < cutoff && t.frame < frame })
			w.freed = made
		}
	}
	return max(0, Timed-len(w.timed))
}

// sealed is the first frame of the next block to be sealed.
func (w *Writer) sealed() int64 { return int64(w.player.Sealed.Load()) * int64(w.host.Geo.Frames) }

func (w *Writer) cutoff(block uint64) (uint64, bool) {
	return shm.OpenSeal(w.fold, block, w.player.Seals[block%shm.SealCount].Word.Load())
}

// Append writes a command behind the head, where nobody looks before Commit. The caller has asked Room, for a timed one
// TimedRoom too.
func (w *Writer) Append(c Command) {
	r := &w.host.Records[w.head&uint64(w.host.Geo.LogRecords-1)]
	r.Index = w.head + 1
	r.Value = math.Float64bits(c.Value)
	r.Frame = c.Frame()
	r.RecvNS = c.RecvNS
	r.Address = c.Address
	r.Flags = 0
	r.Sum = shm.RecordSum(r)
	if r.Frame >= 0 {
		w.timed = append(w.timed, timed{w.head, r.Frame})
	}
	w.head++
}

// Commit moves the head, at the end of a bundle: a seal takes all of it or nothing.
func (w *Writer) Commit() { w.host.Head.Store(w.head) }

// Read copies record index out of the log and says whether the copy is that record. It does not allocate.
func Read(host *shm.Host, index uint64, into *shm.LogRecord) bool {
	*into = host.Records[index&uint64(host.Geo.LogRecords-1)]
	return into.Index == index+1 && into.Sum == shm.RecordSum(into)
}
