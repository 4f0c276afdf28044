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

// cutoffBits is the length of the cut-off, the lower part of a seal word. 40
// bits of commands last for 174 years at 200 per second. The upper 24 bits are
// a checksum over all that the seal says and over what it belongs to: the stamp
// of the region, the number of the block, Prev and the cut-off. A seal of
// another lap of the table does not open, nor does one in which a bit was
// flipped.
const cutoffBits = 40

// SealWord returns the word that seals block with a cut-off, in a region whose
// stamp folds to fold. prev is what Seal.Prev holds.
func SealWord(fold, block, prev, cutoff uint64) uint64 {
	cutoff &= 1<<cutoffBits - 1
	return sealTag(fold, block, prev, cutoff)<<cutoffBits | cutoff
}

// OpenSeal returns the cut-off in a seal word. It reports false if the word
// does not seal that block of that region with that prev.
func OpenSeal(fold, block, prev, word uint64) (cutoff uint64, ok bool) {
	cutoff = word & (1<<cutoffBits - 1)
	return cutoff, word>>cutoffBits == sealTag(fold, block, prev, cutoff)
}

func sealTag(fold, block, prev, cutoff uint64) uint64 {
	var b [32]byte
	binary.LittleEndian.PutUint64(b[0:], fold)
	binary.LittleEndian.PutUint64(b[8:], block)
	binary.LittleEndian.PutUint64(b[16:], prev)
	binary.LittleEndian.PutUint64(b[24:], cutoff)
	return xxhash.Sum64(b[:]) >> cutoffBits
}

// Float returns a command's value as a float64.
func (r *LogRecord) Float() float64 { return math.Float64frombits(r.Value) }
