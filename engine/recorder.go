//go:build linux

package engine

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"chronus/engine/internal/cmdlog"
	"chronus/engine/internal/shm"
	"chronus/engine/tape"
)

const (
	recordEvery = 20 * time.Millisecond
	// maxWaiting is how many commands may wait for the disk, 40 bytes each. Blocks wait in the player's region, which has its
	// own bound.
	maxWaiting = 1 << 18
	// stallNotice is how long the disk may hold up the tape before that is said.
	stallNotice = 5 * time.Second
	// stallLimit is how long the end waits for a disk that takes nothing at all.
	stallLimit = 500 * time.Millisecond
)

var errWaiting = errors.New("more commands wait for the disk than can be kept")

// recorder copies what the player delivered, and the commands of the log, to a tape. The player knows nothing of it: the
// last 4096 blocks lie in the player's region, so a disk may stall for many seconds before a block is missed, which is
// counted and said, and never heard. A tape that cannot be written ends there: unlike a sound file it cannot be taken up again,
// since every command counts.
type recorder struct {
	player *shm.Player
	log    *slog.Logger
	w      *tape.Writer
	block  tape.Block
	ready  []tape.Command // being written
	failed bool
	stall  *time.Timer // runs while the disk is being waited for
	end    chan struct{}
	ended  chan struct{}

	next    atomic.Uint64 // the block due
	steps   atomic.Uint64 // records and blocks done with: while they grow, the disk takes something
	missed  atomic.Uint64 // blocks below next that are not on the tape
	failure atomic.Pointer[string]

	mu      sync.Mutex
	waiting []tape.Command
	full    bool // one did not fit: the tape cannot have any block that takes it

	region sync.Mutex // held while the player's region is looked at
	gone   bool       // it may be there no longer
}

// The delivered block's flags are written to the tape as they are.
var _ = [1]int{}[shm.FlagLost-tape.FlagLost|shm.FlagSwitched-tape.FlagSwitched|shm.FlagXrun-tape.FlagXrun|
	shm.FlagPlayer-tape.FlagPlayer|shm.FlagFade-tape.FlagFade]

func newRecorder(path string, h tape.Header, player *shm.Player, log *slog.Logger) (*recorder, error) {
	w, err := tape.Create(path, h)
	if err != nil {
		return nil, err
	}
	r := &recorder{player: player, log: log, w: w, end: make(chan struct{}), ended: make(chan struct{})}
	r.block.Sums = make([]uint64, h.Slots)
	r.block.Samples = make([]float32, h.Frames*h.Channels)
	r.stall = time.AfterFunc(time.Hour, func() {
		log.Warn("the disk holds up the tape; the music goes on", "waited", stallNotice, "block", r.next.Load())
	})
	r.stall.Stop()
	return r, nil
}

// command notes a command of the log. It is called before the log's head moves over it, so that no block on the tape
// precedes a command it takes. It never waits for the disk.
func (r *recorder) command(index uint64, c cmdlog.Command) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full = r.full || len(r.waiting) == maxWaiting; !r.full {
		r.waiting = append(r.waiting, tape.Command{Index: index, Address: c.Address, Value: c.Value, Frame: c.Frame(), RecvNS: c.RecvNS})
	}
}

func (r *recorder) start() { go r.run() }

func (r *recorder) run() {
	defer close(r.ended)
	tick := time.NewTicker(recordEvery)
	defer tick.Stop()
	for last := false; !last; {
		select {
		case <-r.end:
			last = true
		case <-tick.C:
		}
		r.stall.Reset(stallNotice)
		r.copy(r.until(last))
		r.stall.Stop()
	}
	r.flushCommands()
	r.check(r.w.Close())
	if n := r.missed.Load(); n > 0 {
		r.log.Warn("blocks are missing on the tape", "missed_blocks", n)
	}
}

// until is the number of blocks that are complete: the callback adds to one what late rings say of it, for a while.
func (r *recorder) until(last bool) uint64 {
	r.region.Lock()
	defer r.region.Unlock()
	if r.gone {
		return 0
	}
	playout := r.player.Playout.Load()
	switch {
	case last:
		return playout
	case playout > shm.LateLook+1:
		return playout - shm.LateLook - 1
	}
	return 0
}

// copy writes the blocks below until.
func (r *recorder) copy(until uint64) {
	for n := r.next.Load(); n < until; n++ {
		had := !r.failed && r.read(n)
		if had {
			r.flushCommands()
		}
		if had && !r.failed {
			r.check(r.w.Block(&r.block))
		}
		if missed := !had || r.failed; missed && r.missed.Add(1) == 1 && !r.failed {
			r.log.Warn("the disk is too slow for the tape: blocks are missing on it; the music goes on", "block", n)
		}
		r.next.Store(n + 1)
		r.steps.Add(1)
	}
}

// read copies a block out of the player's region. False: its place has been used again.
func (r *recorder) read(n uint64) bool {
	r.region.Lock()
	defer r.region.Unlock()
	if r.gone {
		return false
	}
	d, samples := r.player.Delivered(n)
	if d.Block.Load() != n+1 {
		return false
	}
	b := &r.block
	b.Block, b.Prev, b.Cutoff, b.Sealed = n, d.Prev, d.Cutoff, d.Sealed
	b.Slot, b.Flags, b.Generation = d.Slot, d.Flags, d.Generation
	b.EntryNS, b.ReturnNS, b.Sum = d.EntryNS, d.ReturnNS, d.Sum
	copy(b.Sums, d.Sums[:])
	copy(b.Samples, samples)
	return d.Block.Load() == n+1 && r.player.Playout.Load() <= n+shm.DeliveredCount-1
}

// flushCommands writes the commands there are. The lock is not held while the disk is waited for: whoever has the next command
// must not wait with it.
func (r *recorder) flushCommands() {
	r.mu.Lock()
	full := r.full
	r.ready, r.waiting = r.waiting, r.ready[:0]
	r.mu.Unlock()
	for i := range r.ready {
		r.check(r.w.Command(&r.ready[i]))
		r.steps.Add(1)
	}
	if full {
		r.check(errWaiting)
	}
}

// check says once that the tape cannot be written; the music goes on.
func (r *recorder) check(err error) {
	if err == nil || r.failed {
		return
	}
	r.failed = true
	text := err.Error()
	r.failure.Store(&text)
	r.mu.Lock()
	r.full, r.waiting = true, nil // nothing is kept for it any more
	r.mu.Unlock()
	r.log.Error("the tape ends here, the music does not", "block", r.next.Load(), "error", err)
}

// lacks is how many blocks are not on the tape and will not be, and why it ended, if it has.
func (r *recorder) lacks(playout uint64) (missed uint64, failure string) {
	missed = r.missed.Load()
	if next := r.next.Load(); playout > next+shm.DeliveredCount { // nobody has come to count them yet
		missed += playout - next - shm.DeliveredCount
	}
	if text := r.failure.Load(); text != nil {
		failure = *text
	}
	return missed, failure
}

// finish writes what is left, after the player has gone. A disk that takes nothing any more is given up.
func (r *recorder) finish() {
	close(r.end)
	for {
		before := r.steps.Load()
		select {
		case <-r.ended:
			return
		case <-time.After(stallLimit):
		}
		if r.steps.Load() == before {
			break
		}
	}
	r.region.Lock()
	r.gone = true
	r.region.Unlock()
	r.log.Error("the tape has no end: the disk takes nothing any more", "block", r.next.Load())
}

// discard closes a tape that was never begun.
func (r *recorder) discard() { _ = r.w.Close() }
