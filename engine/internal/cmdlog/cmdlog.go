// Package cmdlog is the command log, to which the host appends and from which
// workers read. One log serves every replica, so that all of them apply the
// same commands at the same frames. The package decides when a record may be
// reused and when a place in the state is free; it must not know what a command
// means.
//
// Commands carry no block number. A block takes the commands that its seal
// covers, and the player writes the seals. A timed command carries the frame it
// is meant for. A worker's state holds it from the block that takes it until
// that frame, and has room for Timed such commands. Most of the waiting is
// therefore done in the host, in a Queue.
package cmdlog

import (
	"math"
	"slices"

	"chronus/engine/command"
	"chronus/engine/internal/ring"
	"chronus/engine/internal/shm"
)

// Timed is the limit on timed commands in the log that have not been applied. A
// worker's state has room for exactly as many.
const Timed = 256

// Writer appends to the log. It may be used by one goroutine of the host only.
type Writer struct {
	host   *shm.Host
	player *shm.Player
	rings  []*shm.Ring
	head   uint64 // records written, of which host.Head are committed
	floor  uint64 // records below it may be reused
	reader *ring.Reader
	timed  []timed
	freed  uint64 // number of blocks made when timed was last pruned
}

// timed is a timed command in the log that a worker's state may still have to
// hold.
type timed struct {
	index uint64
	frame int64
}

// NewWriter returns a Writer that continues at the head of the log.
func NewWriter(host *shm.Host, player *shm.Player, rings []*shm.Ring) *Writer {
	w := &Writer{
		host: host, player: player, rings: rings, head: host.Head.Load(),
		timed: make([]timed, 0, Timed), reader: ring.NewReader(host.Geo, host.Stamp.Fold()),
	}
	var r shm.LogRecord
	for i := w.head - min(w.head, uint64(host.Geo.LogRecords)); i < w.head; i++ {
		if Read(host, i, &r) && r.Frame >= 0 {
			w.timed = append(w.timed, timed{i, r.Frame})
		}
	}
	return w
}

// Head returns the number of commands appended so far.
func (w *Writer) Head() uint64 { return w.head }

// Room returns the number of commands that may be appended now. No block takes
// more than shm.HeadRoom commands, and no record is reused that a worker may
// still need. The earliest block that a worker may continue from lies a ring's
// length before the newest block that has been both rendered and played.
func (w *Writer) Room() int {
	geo := &w.host.Geo
	sealed, need := w.player.Exists(), w.made()
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

// made returns the number of blocks that have been both rendered and played.
// What a ring holds counts, not what it claims: a record that is reused too
// early is missing from every replica.
func (w *Writer) made() uint64 {
	playout, newest := w.player.Played(), uint64(0)
	for _, r := range w.rings {
		if newest >= playout {
			return playout
		}
		newest = max(newest, w.reader.Newest(r, w.player.Exists()))
	}
	return min(playout, newest)
}

// TimedRoom returns the number of timed commands that may be appended now. The
// place of a command is free again once both the block that took it and the
// block that contains its frame have been made. The former matters for a late
// command, which is in the state while the block that takes it is rendered.
func (w *Writer) TimedRoom() int {
	if made := w.made(); made > w.freed {
		if cutoff, ok := w.cutoff(made - 1); ok {
			frame := int64(made) * int64(w.host.Geo.Frames)
			w.timed = slices.DeleteFunc(w.timed, func(t timed) bool {
				return t.index < cutoff && t.frame < frame
			})
			w.freed = made
		}
	}
	return max(0, Timed-len(w.timed))
}

// sealed returns the first frame of the next block to be sealed.
func (w *Writer) sealed() int64 { return int64(w.player.Exists()) * int64(w.host.Geo.Frames) }

func (w *Writer) cutoff(block uint64) (uint64, bool) {
	_, cutoff, ok := w.player.Seal(block)
	return cutoff, ok
}

// Append writes a command behind the head, where no worker reads until Commit.
// The caller must have checked Room and, for a timed command, TimedRoom.
func (w *Writer) Append(c command.Command) {
	r := &w.host.Records[w.head&uint64(w.host.Geo.LogRecords-1)]
	r.Index = w.head + 1
	r.Value = math.Float64bits(c.Value)
	r.Frame = c.Frame
	r.RecvNS = c.RecvNS
	r.Address = c.Address
	r.Flags = 0
	r.Sum = shm.RecordSum(r)
	if c.Timed() {
		w.timed = append(w.timed, timed{w.head, c.Frame})
	}
	w.head++
}

// Commit moves the head over all commands appended so far. It may be called
// only at the end of a bundle, so that a seal takes all of a bundle or none of
// it.
func (w *Writer) Commit() { w.host.SetHead(w.head) }

// Read copies record index out of the log and reports whether the copy is that
// record, undamaged. It does not allocate.
func Read(host *shm.Host, index uint64, into *shm.LogRecord) bool {
	*into = host.Records[index&uint64(host.Geo.LogRecords-1)]
	return into.Index == index+1 && into.Sum == shm.RecordSum(into)
}
