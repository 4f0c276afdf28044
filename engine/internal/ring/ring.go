// Package ring is a worker's ring of blocks: its worker publishes, the player and other workers read.
//
// An entry is believed by its checksum alone, computed over a private copy: copy, verify the copy, then use it. Block
// numbers and counters are hints. So a worker may die between any two stores and leave nothing that is taken for sound.
package ring

import (
	"chronus/engine/internal/failpoint"
	"chronus/engine/internal/shm"
)

// Block is what a worker publishes besides samples and state.
type Block struct {
	Number   uint64
	Prev     uint64 // the block whose state it goes on from, plus one; Number but after an outage
	Cutoff   uint64 // commands below it are in the state
	RenderNS int64
}

// Publish writes a block into r, which belongs to the calling worker. The entry is valid from the store of its checksum
// on; the checksums come from the worker's own memory, not from what arrived in the ring.
func Publish(r *shm.Ring, fold uint64, b Block, samples []float32, state []uint64) {
	whole := shm.EntryHeader{Block: b.Number + 1, Prev: b.Prev, Cutoff: b.Cutoff, Stamp: fold, StateSum: shm.StateSum(state)}
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

// Copy copies block's header and samples and says whether the copy is that block, whole and of this engine. samples has
// the block's length. It does not allocate.
func Copy(r *shm.Ring, fold, block uint64, into *shm.EntryHeader, samples []float32) bool {
	e, from, _ := r.Entry(block)
	*into = *e
	if into.Block != block+1 || into.Stamp != fold {
		return false
	}
	copy(samples, from)
	return into.Sum == shm.EntrySum(into, samples)
}

// CopyState is Copy and the state after the block, verified as well.
func CopyState(r *shm.Ring, fold, block uint64, into *shm.EntryHeader, samples []float32, state []uint64) bool {
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

// Sum is block's checksum as the ring shows it, unverified; 0 where the ring has another block or none.
func Sum(r *shm.Ring, block uint64) uint64 {
	e, _, _ := r.Entry(block)
	if e.Block != block+1 || r.Published.Load() <= block {
		return 0
	}
	return e.Sum
}

// Cursor says in one word what a worker is doing.
func Cursor(phase int, block uint64) uint64 { return uint64(phase)<<56 | block&(1<<56-1) }

// Phase names the phase of a cursor word.
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
