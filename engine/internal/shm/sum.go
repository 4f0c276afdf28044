package shm

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/cespare/xxhash/v2"
)

// StateSum is the checksum of a state arena.
func StateSum(state []uint64) uint64 {
	if len(state) == 0 {
		return 0
	}
	return xxhash.Sum64(unsafe.Slice((*byte)(unsafe.Pointer(&state[0])), len(state)*8))
}

// EntrySum is the checksum of a ring entry: of the header's first five words and the samples. It is never 0, so that 0 can
// say "none".
func EntrySum(e *EntryHeader, samples []float32) uint64 {
	var b [48]byte
	binary.LittleEndian.PutUint64(b[0:], e.Block)
	binary.LittleEndian.PutUint64(b[8:], e.Prev)
	binary.LittleEndian.PutUint64(b[16:], e.Cutoff)
	binary.LittleEndian.PutUint64(b[24:], e.Stamp)
	binary.LittleEndian.PutUint64(b[32:], e.StateSum)
	if len(samples) > 0 {
		binary.LittleEndian.PutUint64(b[40:], xxhash.Sum64(unsafe.Slice((*byte)(unsafe.Pointer(&samples[0])), len(samples)*4)))
	}
	if s := xxhash.Sum64(b[:]); s != 0 {
		return s
	}
	return 1
}

// RecordSum is the checksum of a log record.
func RecordSum(r *LogRecord) uint64 {
	var b [40]byte
	binary.LittleEndian.PutUint64(b[0:], r.Index)
	binary.LittleEndian.PutUint64(b[8:], r.Value)
	binary.LittleEndian.PutUint64(b[16:], uint64(r.Frame))
	binary.LittleEndian.PutUint64(b[24:], uint64(r.RecvNS))
	binary.LittleEndian.PutUint32(b[32:], r.Address)
	binary.LittleEndian.PutUint32(b[36:], r.Flags)
	return xxhash.Sum64(b[:])
}

// A seal word: the upper 24 bits say which lap of the table the block is in and whose region this is, the lower 40 hold
// the cut-off. 24 bits of laps are a dozen years of blocks, 40 bits of commands 174 years at 200 a second.
const cutoffBits = 40

// SealWord is the word that seals block with a cut-off, in a region whose stamp folds to fold.
func SealWord(fold, block, cutoff uint64) uint64 {
	return sealTag(fold, block)<<cutoffBits | cutoff&(1<<cutoffBits-1)
}

// OpenSeal reads the cut-off out of a word, or says that the word is not block's.
func OpenSeal(fold, block, word uint64) (cutoff uint64, ok bool) {
	return word & (1<<cutoffBits - 1), word>>cutoffBits == sealTag(fold, block)
}

func sealTag(fold, block uint64) uint64 {
	return (block/SealCount + 1 ^ fold) & (1<<(64-cutoffBits) - 1)
}

// Float is a command's value as a float64.
func (r *LogRecord) Float() float64 { return math.Float64frombits(r.Value) }
