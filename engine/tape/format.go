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

// Types of a record.
const (
	typeHeader  = 'H'
	typeCommand = 'C'
	typeBlock   = 'B'
	typeEnd     = 'E'
)

// Sizes in bytes, and the largest values a header may ask for. The limits are far above what the engine uses: they keep
// a damaged header from asking for gigabytes.
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
	maxRedundant = maxSlots // replicas, spares
)

// ErrUnfinished says that a tape has no end record: its writer died, or is still writing. What was read before it is
// whole. A record that is cut off is a *CorruptError that wraps it.
var ErrUnfinished = errors.New("tape: no end record")

// CorruptError is damage at a byte of the file. It wraps ErrUnfinished where the damage is that the file stops there.
type CorruptError struct {
	Name   string // of the file, may be empty
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

// validate holds the header to the limits that the reader's memory and Replay rely on.
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
			return fmt.Errorf("header: %s is %d, not in %d..%d", f.name, f.v, f.min, f.max)
		}
	}
	// JSON would replace what is not UTF-8 and the replay would compile another text than the engine did.
	if !utf8.ValidString(h.Patch) || !utf8.ValidString(h.PatchText) || !utf8.ValidString(h.Build) || !utf8.ValidString(h.Date) {
		return errors.New("header: a text is not UTF-8")
	}
	return nil
}

func (h *Header) samples() int { return h.Frames * h.Channels }

func (h *Header) blockPayload() int { return blockSize + 8*h.Slots + 4*h.samples() }

// payload returns the length of the payload of a record type after the header; false for an unknown type.
func (h *Header) payload(typ byte) (int, bool) {
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

// putHead and putSum frame a record whose payload is in place behind the head.
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

// getBlock decodes into b, whose Sums and Samples have the header's lengths.
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
