package tape

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
)

const magic = "CHRTAPE\n"

// Types of records.
const (
	typeHeader  = 'H'
	typeCommand = 'C'
	typeBlock   = 'B'
	typeEnd     = 'E'
)

// Sizes in bytes, and the largest values that a header may contain. The limits
// are far above what the engine uses; they keep a damaged header from demanding
// gigabytes.
const (
	headSize     = 1 + 4
	sumSize      = 8
	commandSize  = 36
	blockSize    = 68 // without Sums and Samples
	endSize      = 16
	maxHeader    = 4 << 20
	maxSamples   = 1 << 16 // Frames*Channels
	maxSlots     = 1 << 8
	maxLead      = 1 << 12
	maxRing      = 1 << 16
	maxRate      = 1 << 20
	maxRedundant = maxSlots // replicas or spares
)

// ErrUnfinished is returned if a tape has no end record, because its writer
// died or is still writing. All records read before it are whole. If the last
// record is truncated, the error is a *CorruptError that wraps ErrUnfinished.
var ErrUnfinished = errors.New("tape: no end record")

// CorruptError describes damage to the file. It wraps ErrUnfinished if the
// damage is that the file ends there.
type CorruptError struct {
	Name   string // of the file; may be empty
	Offset int64  // of the first byte of the damaged record
	Reason string
	Err    error // may be nil
}

func (e *CorruptError) Error() string {
	name := e.Name
	if name != "" {
		name += ": "
	}
	return fmt.Sprintf("tape: %sbyte %d: %s", name, e.Offset, e.Reason)
}

func (e *CorruptError) Unwrap() error { return e.Err }

// validate checks the limits on which Replay and the memory of a reader depend.
func (h *Header) validate() error {
	for _, f := range []struct {
		name     string
		v        int
		min, max int
	}{
		{"rate", h.Rate, 1, maxRate},
		{"frames", h.Frames, 1, maxSamples},
		{"channels", h.Channels, 1, maxSamples},
		{"frames*channels", h.Frames * h.Channels, 1, maxSamples},
		{"lead", h.Lead, 0, maxLead},
		{"replicas", h.Replicas, 0, maxRedundant},
		{"spares", h.Spares, 0, maxRedundant},
		{"slots", h.Slots, 0, maxSlots},
		{"ring", h.Ring, 0, maxRing},
	} {
		if f.v < f.min || f.v > f.max {
			return fmt.Errorf("header: %s %d is not in %d..%d", f.name, f.v, f.min, f.max)
		}
	}
	// JSON would replace invalid UTF-8, and a replay would compile a different
	// text from the engine's.
	for _, f := range []struct{ name, text string }{
		{"patch", h.Patch},
		{"patch_text", h.PatchText},
		{"build", h.Build},
		{"date", h.Date},
	} {
		if !utf8.ValidString(f.text) {
			return fmt.Errorf("header: %s is not UTF-8", f.name)
		}
	}
	return nil
}

// samples returns the number of samples in a block.
func (h *Header) samples() int { return h.Frames * h.Channels }

// blockPayload returns the length of the payload of a block record in bytes.
func (h *Header) blockPayload() int { return blockSize + 8*h.Slots + 4*h.samples() }

// payload returns the length in bytes of the payload of a record that follows
// the header. ok is false if the type is unknown.
func (h *Header) payload(typ byte) (n int, ok bool) {
	switch typ {
	case typeCommand:
		return commandSize, true
	case typeBlock:
		return h.blockPayload(), true
	case typeEnd:
		return endSize, true
	}
	return 0, false
}

var le = binary.LittleEndian

// putHead and putSum complete a record whose payload is already in place after
// the head.
func putHead(rec []byte, typ byte, n int) {
	rec[0] = typ
	le.PutUint32(rec[1:], uint32(n))
}

func putSum(rec []byte) {
	body := rec[:len(rec)-sumSize]
	le.PutUint64(rec[len(body):], xxhash.Sum64(body))
}

func sumMatches(rec []byte) bool {
	body := rec[:len(rec)-sumSize]
	return le.Uint64(rec[len(body):]) == xxhash.Sum64(body)
}

func putCommand(p []byte, c *Command) {
	le.PutUint64(p[0:], c.Index)
	le.PutUint32(p[8:], c.Address)
	le.PutUint64(p[12:], math.Float64bits(c.Value))
	le.PutUint64(p[20:], uint64(c.Frame))
	le.PutUint64(p[28:], uint64(c.RecvNS))
}

func getCommand(p []byte, c *Command) {
	c.Index = le.Uint64(p[0:])
	c.Address = le.Uint32(p[8:])
	c.Value = math.Float64frombits(le.Uint64(p[12:]))
	c.Frame = int64(le.Uint64(p[20:]))
	c.RecvNS = int64(le.Uint64(p[28:]))
}

func putBlock(p []byte, b *Block) {
	le.PutUint64(p[0:], b.Block)
	le.PutUint64(p[8:], b.Prev)
	le.PutUint64(p[16:], b.Cutoff)
	le.PutUint64(p[24:], b.Sealed)
	le.PutUint32(p[32:], uint32(b.Slot))
	le.PutUint32(p[36:], b.Flags)
	le.PutUint32(p[40:], b.Generation)
	le.PutUint64(p[44:], uint64(b.EntryNS))
	le.PutUint64(p[52:], uint64(b.ReturnNS))
	le.PutUint64(p[60:], b.Sum)
	p = p[blockSize:]
	for i, s := range b.Sums {
		le.PutUint64(p[8*i:], s)
	}
	p = p[8*len(b.Sums):]
	for i, s := range b.Samples {
		le.PutUint32(p[4*i:], math.Float32bits(s))
	}
}

// getBlock decodes p into b, whose Sums and Samples have the lengths that
// follow from the header.
func getBlock(p []byte, b *Block) {
	b.Block = le.Uint64(p[0:])
	b.Prev = le.Uint64(p[8:])
	b.Cutoff = le.Uint64(p[16:])
	b.Sealed = le.Uint64(p[24:])
	b.Slot = int32(le.Uint32(p[32:]))
	b.Flags = le.Uint32(p[36:])
	b.Generation = le.Uint32(p[40:])
	b.EntryNS = int64(le.Uint64(p[44:]))
	b.ReturnNS = int64(le.Uint64(p[52:]))
	b.Sum = le.Uint64(p[60:])
	p = p[blockSize:]
	for i := range b.Sums {
		b.Sums[i] = le.Uint64(p[8*i:])
	}
	p = p[8*len(b.Sums):]
	for i := range b.Samples {
		b.Samples[i] = math.Float32frombits(le.Uint32(p[4*i:]))
	}
}
