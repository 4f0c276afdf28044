//go:build linux

package engine

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"chronus/engine/command"
	"chronus/engine/internal/shm"
	"chronus/engine/tape"
)

const (
	recordEvery = 20 * time.Millisecond
	// maxWaiting limits the commands that wait for the disk, 40 bytes each.
	// Blocks wait in the player's region, which has a limit of its own.
	maxWaiting = 1 << 18
	// stallNotice is how long the disk may hold up the tape before a warning is
	// logged.
	stallNotice = 5 * time.Second
	// stallLimit is how long finish waits for a disk that accepts nothing at
	// all.
	stallLimit = 500 * time.Millisecond
)

var errWaiting = errors.New("more commands are waiting for the disk than can be kept")

// recorder copies the blocks that the player delivered, and the commands of the
// log, to a tape. The player does not notice it. The player's region holds the
// last 4096 blocks, so the disk may stall for many seconds before a block is
// missed; a missed block is counted and logged, but never heard. A tape that
// cannot be written ends there. Unlike a sound file it cannot be resumed, since
// every command counts.
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
	steps   atomic.Uint64 // records and blocks handled; while this grows, the disk is not stuck
	missed  atomic.Uint64 // blocks below next that are not on the tape
	failure atomic.Pointer[string]

	mu      sync.Mutex
	waiting []tape.Command
	full    bool // a command did not fit, so the tape cannot hold any block that takes it

	region sync.Mutex // held while the player's region is read
	gone   bool       // the region may no longer be mapped
}

// The flags of a delivered block are written to the tape unchanged.
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
		log.Warn("the disk is holding up the tape; the music goes on",
			"waited", stallNotice, "block", r.next.Load())
	})
	r.stall.Stop()
	return r, nil
}

// command records a command of the log. It is called before the log's head
// moves past that command, so that no block precedes a command it takes on the
// tape. It never waits for the disk.
func (r *recorder) command(index uint64, c command.Command) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full = r.full || len(r.waiting) == maxWaiting; !r.full {
		r.waiting = append(r.waiting, tape.Command{
			Index: index, Address: c.Address, Value: c.Value, Frame: c.Frame, RecvNS: c.RecvNS,
		})
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
		r.log.Warn("blocks are missing from the tape", "missed_blocks", n)
	}
}

// until returns the number of blocks that are complete. For a while after a
// block was delivered, the callback still adds the checksums of late rings to
// it.
func (r *recorder) until(last bool) uint64 {
	r.region.Lock()
	defer r.region.Unlock()
	if r.gone {
		return 0
	}
	playout := r.player.Played()
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
			r.log.Warn("the disk is too slow for the tape: blocks are missing from it; the music goes on",
				"block", n)
		}
		r.next.Store(n + 1)
		r.steps.Add(1)
	}
}

// read copies a block out of the player's region. It reports false if the place
// of the block has been reused.
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
	return d.Block.Load() == n+1 && r.player.Played() <= n+shm.DeliveredCount-1
}

// flushCommands writes the commands that are waiting. It does not hold the lock
// while it writes, so that the next call of command need not wait for the disk.
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

// check ends the tape at the first error and logs it. The music goes on.
func (r *recorder) check(err error) {
	if err == nil || r.failed {
		return
	}
	r.failed = true
	text := err.Error()
	r.failure.Store(&text)
	r.mu.Lock()
	r.full, r.waiting = true, nil // keep no more commands for it
	r.mu.Unlock()
	r.log.Error("the tape ends here, the music does not", "block", r.next.Load(), "error", err)
}

// lacks returns the number of blocks permanently missing from the tape,
// and the reason if it has ended.
func (r *recorder) lacks(playout uint64) (missed uint64, failure string) {
	missed = r.missed.Load()
	if next := r.next.Load(); playout > next+shm.DeliveredCount { // copy has not counted these yet
		missed += playout - next - shm.DeliveredCount
	}
	if text := r.failure.Load(); text != nil {
		failure = *text
	}
	return missed, failure
}

// finish writes the rest once the player has exited. It gives up on a disk that
// no longer accepts anything.
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
	r.log.Error("the tape has no end: the disk no longer accepts anything", "block", r.next.Load())
}

// discard closes a tape on which nothing has been recorded.
func (r *recorder) discard() { _ = r.w.Close() }
