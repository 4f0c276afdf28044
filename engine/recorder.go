//go:build linux

package engine

import (
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"chronus/engine/cmdlog"
	"chronus/engine/shm"
	"chronus/engine/tape"
)

// recorder copies what the player delivered, and the commands of the log, to a tape. The player knows nothing of it: the
// last 4096 blocks lie in the player's region, so a disk may stall for many seconds before a block is missed, which is
// counted and said, and never heard.
type recorder struct {
	path   string
	player *shm.Player
	log    *slog.Logger
	w      *tape.Writer
	block  tape.Block
	next   uint64
	failed bool
	missed atomic.Uint64
	end    chan struct{}
	ended  chan struct{}

	mu       sync.Mutex
	commands []tape.Command
}

// The delivered block's flags are written to the tape as they are.
var _ = [1]int{}[shm.FlagLost-tape.FlagLost|shm.FlagSwitched-tape.FlagSwitched|shm.FlagXrun-tape.FlagXrun|
	shm.FlagPlayer-tape.FlagPlayer|shm.FlagFade-tape.FlagFade]

func newRecorder(path string, h tape.Header, player *shm.Player, log *slog.Logger) (*recorder, error) {
	w, err := tape.Create(path, h)
	if err != nil {
		return nil, err
	}
	r := &recorder{path: path, player: player, log: log, w: w, end: make(chan struct{}), ended: make(chan struct{})}
	r.block.Sums = make([]uint64, h.Slots)
	r.block.Samples = make([]float32, h.Frames*h.Channels)
	return r, nil
}

// command notes a command of the log. It is called before the log's head moves over it, so that no block on the tape
// precedes a command it takes.
func (r *recorder) command(index uint64, c cmdlog.Command) {
	r.mu.Lock()
	r.commands = append(r.commands, tape.Command{Index: index, Address: c.Address, Value: c.Value, Frame: c.Frame(), RecvNS: c.RecvNS})
	r.mu.Unlock()
}

func (r *recorder) start() { go r.run() }

func (r *recorder) run() {
	defer close(r.ended)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-r.end:
			r.copy(r.player.Playout.Load())
			return
		case <-tick.C:
			// The callback adds to a block what late rings say of it; only then is it complete.
			if playout := r.player.Playout.Load(); playout > shm.LateLook+1 {
				r.copy(playout - shm.LateLook - 1)
			}
		}
	}
}

// copy writes the blocks below until.
func (r *recorder) copy(until uint64) {
	for ; r.next < until; r.next++ {
		d, samples := r.player.Delivered(r.next)
		if d.Block.Load() != r.next+1 {
			r.missed.Add(1)
			continue
		}
		b := &r.block
		b.Block, b.Prev, b.Cutoff, b.Sealed = r.next, d.Prev, d.Cutoff, d.Sealed
		b.Slot, b.Flags, b.Generation = d.Slot, d.Flags, d.Generation
		b.EntryNS, b.ReturnNS, b.Sum = d.EntryNS, d.ReturnNS, d.Sum
		copy(b.Sums, d.Sums[:])
		copy(b.Samples, samples)
		if d.Block.Load() != r.next+1 || r.player.Playout.Load() > r.next+shm.DeliveredCount-1 {
			r.missed.Add(1)
			continue
		}
		r.flushCommands()
		r.check(r.w.Block(b))
	}
}

func (r *recorder) flushCommands() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.commands {
		r.check(r.w.Command(&r.commands[i]))
	}
	r.commands = r.commands[:0]
}

// check says once that the tape cannot be written; the music goes on.
func (r *recorder) check(err error) {
	if err == nil || r.failed {
		return
	}
	r.failed = true
	r.log.Error("the tape ends here, the music does not", "block", r.next, "error", err)
}

// finish writes what is left, after the player has gone.
func (r *recorder) finish() {
	close(r.end)
	<-r.ended
	r.flushCommands()
	r.check(r.w.Close())
	if n := r.missed.Load(); n > 0 {
		r.log.Warn("the disk was too slow for the tape", "missed_blocks", n)
	}
}

// discard removes a tape that was never begun.
func (r *recorder) discard() {
	_ = r.w.Close()
	_ = os.Remove(r.path)
}
