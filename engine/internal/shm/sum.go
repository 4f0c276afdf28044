package shm

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/cespare/xxhash/v2"
)

// StateSum returns the checksum of a state arena.
func StateSum(state []uint64) uint64 {
	if len(state) == 0 {
		return 0
	}
	return xxhash.Sum64(unsafe.Slice((*byte)(unsafe.Pointer(&state[0])), len(state)*8))
}

// EntrySum returns the checksum of a ring entry: of the first five words of the
// header and of the samples. It is never 0, so that 0 can mean "none".
func EntrySum(e *EntryHeader, samples []float32) uint64 {
	var b [48]byte
	binary.LittleEndian.PutUint64(b[0:], e.Block)
	binary.LittleEndian.PutUint64(b[8:], e.Prev)
	binary.LittleEndian.PutUint64(b[16:], e.Cutoff)
	binary.LittleEndian.PutUint64(b[24:], e.Stamp)
	binary.LittleEndian.PutUint64(b[32:], e.StateSum)
	if len(samples) > 0 {
		bytes := unsafe.Slice((*byte)(unsafe.Pointer(&samples[0])), len(samples)*4)
		binary.LittleEndian.PutUint64(b[40:], xxhash.Sum64(bytes))
	}
	if s := xxhash.Sum64(b[:]); s != 0 {
		return s
	}
	return 1
}

// RecordSum returns the checksum of a log record.
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

// cutoffBits is the length of the cut-off, the lower part of a seal word. The
// upper 24 bits hold the block's lap of the seal table, mixed with the stamp of
// the region. 24 bits of laps last for a dozen years of blocks, 40 bits of
// commands for 174 years at 200 per second.
const cutoffBits = 40

// SealWord returns the word that seals block with a cut-off, in a region whose
// stamp folds to fold.
func SealWord(fold, block, cutoff uint64) uint64 {
	return sealTag(fold, block)<<cutoffBits | cutoff&(1<<cutoffBits-1)
}

// OpenSeal returns the cut-off in a seal word. It reports false if the word
// does not seal that block of that region.
func OpenSeal(fold, block, word uint64) (cutoff uint64, ok bool) {
	return word & (1<<cutoffBits - 1), word>>cutoffBits == sealTag(fold, block)
}

func sealTag(fold, block uint64) uint64 {
	return (block/SealCount + 1 ^ fold) & (1<<(64-cutoffBits) - 1)
}

// Float returns a command's value as a float64.
func (r *LogRecord) Float() float64 { return math.Float64frombits(r.Value) }
