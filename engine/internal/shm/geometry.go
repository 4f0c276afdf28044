package shm

import (
	"fmt"
	"unsafe"
)

// Sizes that are the same for every engine.
const (
	MaxSlots       = 16      // most rings in a pool
	SealCount      = 4096    // entries of the seal table; a power of two
	DeliveredCount = 4096    // delivered blocks kept for the tape; a power of two
	EventCount     = 1024    // events kept for the host; a power of two
	MaxLead        = 64      // most blocks sealed ahead of playout
	MaxBurst       = 5       // most blocks a device requests back to back (PulseAudio: 2 to 5)
	MinRing        = 16      // fewest blocks in a ring
	MaxStateWords  = 1 << 17 // 1 MiB
	// HeadRoom is how many commands the log's head may be ahead of the last
	// seal, and therefore the most that a block takes.
	HeadRoom = 256
	// LateLook is how many blocks after delivery the callback compares the
	// other rings' checksums once more, so that a late standby is still
	// checked. NewGeometry makes a ring that holds a block for that long.
	LateLook = 8

	page = 4096
	line = 64
)

// Geometry holds the sizes that host, player and workers must agree on before
// the first block.
type Geometry struct {
	Rate       uint32 // Hz
	Frames     uint32 // frames per block
	Channels   uint32 // interleaved
	Lead       uint32 // blocks sealed ahead of playout
	Replicas   uint32 // workers that render
	Slots      uint32 // rings in the pool
	Ring       uint32 // blocks that a ring holds; a power of two
	StateWords uint32 // length of the state arena in 64-bit words
	LogRecords uint32 // capacity of the command log; a power of two
	Fifo       uint32 // 1: every process is granted SCHED_FIFO
}

// NewGeometry returns the geometry of an engine, with the sizes of its pool,
// rings and log derived from the arguments. The error names the argument that
// is out of range.
func NewGeometry(
	rate, frames, channels, lead, replicas, spares, stateWords int, fifo bool,
) (Geometry, error) {
	g := Geometry{
		Rate: uint32(rate), Frames: uint32(frames), Channels: uint32(channels), Lead: uint32(lead),
		Replicas: uint32(replicas), Slots: uint32(replicas + spares + 2), StateWords: uint32(stateWords),
	}
	if fifo {
		g.Fifo = 1
	}
	if lead < 1 || lead > MaxLead {
		return g, fmt.Errorf("lead %d: must be 1 to %d blocks, the ring holds no more", lead, MaxLead)
	}
	g.Ring = MinRing
	for g.Ring < 2*(g.Lead+MaxBurst) || g.Ring < g.Lead+MaxBurst+LateLook {
		g.Ring *= 2
	}
	g.LogRecords = 1
	for g.LogRecords < HeadRoom*(g.Ring+g.Lead+MaxBurst) {
		g.LogRecords *= 2
	}
	return g, g.Validate()
}

// Validate returns an error if no engine could be built on g.
func (g Geometry) Validate() error {
	switch {
	case g.Rate < 8000 || g.Rate > 384000:
		return fmt.Errorf("rate %d: must be 8000 to 384000 Hz", g.Rate)
	case g.Frames < 16 || g.Frames > 8192:
		return fmt.Errorf("frames %d: must be 16 to 8192 per block", g.Frames)
	case g.Channels < 1 || g.Channels > 8:
		return fmt.Errorf("channels %d: must be 1 to 8", g.Channels)
	case g.Replicas < 1:
		return fmt.Errorf("replicas %d: must be 1 or more", g.Replicas)
	case g.Slots > MaxSlots || g.Slots < g.Replicas+2:
		return fmt.Errorf("replicas and spares: %d together, must be at most %d", int(g.Slots)-2, MaxSlots-2)
	case g.StateWords > MaxStateWords:
		return fmt.Errorf("state of %d words: must be at most %d (1 MiB)", g.StateWords, MaxStateWords)
	case g.Lead < 1 || g.Lead > MaxLead || g.Ring&(g.Ring-1) != 0 || g.Ring < 2*(g.Lead+MaxBurst) ||
		g.LogRecords&(g.LogRecords-1) != 0 || g.LogRecords < HeadRoom:
		return fmt.Errorf("geometry: lead %d, ring %d, log %d do not fit together",
			g.Lead, g.Ring, g.LogRecords)
	}
	return nil
}

// Spares returns how many workers beyond the replicas the pool is sized for.
func (g Geometry) Spares() int { return int(g.Slots) - int(g.Replicas) - 2 }

// BlockNS returns the duration of one block in ns, rounded down.
func (g Geometry) BlockNS() int64 { return int64(g.Frames) * 1e9 / int64(g.Rate) }

// Samples returns the number of float32 in a block.
func (g Geometry) Samples() int { return int(g.Frames * g.Channels) }

// Behind returns how many blocks a worker may be behind the last seal and still
// catch up by rendering. Further back, the state that it would continue may be
// gone from the rings and the commands from the log.
func (g Geometry) Behind() uint64 { return uint64(g.Ring - g.Lead - MaxBurst) }

func align(n, to int) int { return (n + to - 1) &^ (to - 1) }

func (g Geometry) hostSize() int { return page + int(g.LogRecords)*line }

const (
	sealOffset      = page
	eventOffset     = sealOffset + SealCount*16
	deliveredOffset = eventOffset + EventCount*line
)

func (g Geometry) deliveredStride() int {
	return align(int(unsafe.Sizeof(Delivered{}))+g.Samples()*4, line)
}

func (g Geometry) playerSize() int {
	return align(deliveredOffset+DeliveredCount*g.deliveredStride(), page)
}

func (g Geometry) entryStride() int {
	return line + align(g.Samples()*4, line) + align(int(g.StateWords)*8, line)
}

func (g Geometry) ringSize() int { return align(page+int(g.Ring)*g.entryStride(), page) }
