// Package ring is a worker's ring of blocks: its worker publishes them, the
// player and the other workers read them.
//
// A reader must believe an entry by its checksum alone: it copies the entry,
// verifies the copy, and only then uses it. Block numbers and counters are
// hints. A worker may therefore die between any two stores without leaving
// anything that could be taken for sound.
package ring

import (
	"chronus/engine/internal/failpoint"
	"chronus/engine/internal/shm"
)

// Block is what a worker publishes in addition to samples and state.
type Block struct {
	Number   uint64
	Prev     uint64 // the block whose state it continues, plus one: Number except after an outage
	Cutoff   uint64 // the state contains the commands below this index
	RenderNS int64  // time that rendering took
}

// Publish writes a block into r, which belongs to the calling worker. The entry
// becomes valid with the store of its checksum. The checksums are computed from
// the worker's own memory, not from what arrived in the ring.
//
// Each store is written out, with a failpoint behind it, so that the harness
// can kill a worker between any two of them; see failpoint.
func Publish(r *shm.Ring, fold uint64, b Block, samples []float32, state []uint64) {
	whole := shm.EntryHeader{
		Block: b.Number + 1, Prev: b.Prev, Cutoff: b.Cutoff, Stamp: fold, StateSum: shm.StateSum(state),
	}
	whole.Sum = shm.EntrySum(&whole, samples)

	e, toSamples, toState := r.Entry(b.Number)
	r.Cursor.Store(Cursor(shm.PhasePublishing, b.Number))
	failpoint.Hit(failpoint.PublishCursor)
	e.Block = whole.Block
	failpoint.Hit(failpoint.PublishBlock)
	e.Prev = whole.Prev
	failpoint.Hit(failpoint.PublishPrev)
	e.Cutoff = whole.Cutoff
	failpoint.Hit(failpoint.PublishCutoff)
	e.Stamp = whole.Stamp
	failpoint.Hit(failpoint.PublishStamp)
	copy(toSamples[:len(samples)/2], samples)
	failpoint.Hit(failpoint.PublishHalf)
	copy(toSamples[len(samples)/2:], samples[len(samples)/2:])
	failpoint.Hit(failpoint.PublishSamples)
	copy(toState[:len(state)/2], state)
	failpoint.Hit(failpoint.PublishState)
	copy(toState[len(state)/2:], state[len(state)/2:])
	failpoint.Hit(failpoint.PublishWhole)
	e.StateSum = whole.StateSum
	failpoint.Hit(failpoint.PublishStateSum)
	e.Sum = whole.Sum
	failpoint.Hit(failpoint.PublishSum)
	e.RenderNS = b.RenderNS
	failpoint.Hit(failpoint.PublishTime)
	r.Published.Store(b.Number + 1)
	failpoint.Hit(failpoint.PublishCount)
}

// Copy copies a block's header and samples and reports whether the copy is that
// block, complete and of this engine. samples has the length of a block. Copy
// does not allocate.
func Copy(r *shm.Ring, fold, block uint64, into *shm.EntryHeader, samples []float32) bool {
	e, from, _ := r.Entry(block)
	*into = *e
	if into.Block != block+1 || into.Stamp != fold {
		return false
	}
	copy(samples, from)
	return into.Sum == shm.EntrySum(into, samples)
}

// CopyState is Copy with the state after the block, which it verifies as well.
func CopyState(
	r *shm.Ring, fold, block uint64, into *shm.EntryHeader, samples []float32, state []uint64,
) bool {
	if !Copy(r, fold, block, into, samples) {
		return false
	}
	_, _, from := r.Entry(block)
	half := len(state) / 2
	copy(state[:half], from)
	failpoint.Hit(failpoint.RestoreHalf)
	copy(state[half:], from[half:])
	return into.StateSum == shm.StateSum(state)
}

// Sum returns a block's checksum as the ring shows it, unverified; 0 if the
// ring does not hold the block.
func Sum(r *shm.Ring, block uint64) uint64 {
	e, _, _ := r.Entry(block)
	if e.Block != block+1 {
		return 0
	}
	return e.Sum
}

// Cursor returns the word that tells other processes what a worker is doing.
func Cursor(phase int, block uint64) uint64 { return uint64(phase)<<56 | block&(1<<56-1) }

// Phase returns the name of the phase in a cursor word.
func Phase(cursor uint64) string {
	switch cursor >> 56 {
	case shm.PhaseRestoring:
		return "restoring"
	case shm.PhaseRendering:
		return "rendering"
	case shm.PhasePublishing:
		return "publishing"
	}
	return "idle"
}
