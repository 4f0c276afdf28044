package shm

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/cespare/xxhash/v2"
)

// Sizes that are the same for every engine.
const (
	MaxSlots       = 16   // rings in a pool at most
	SealCount      = 4096 // entries of the seal table; a power of two
	DeliveredCount = 4096 // delivered blocks kept for the tape; a power of two
	EventCount     = 1024 // events kept for the host; a power of two
	MaxLead        = 64   // blocks sealed ahead of playout at most
	MaxBurst       = 5    // blocks a device asks for back to back at most (PulseAudio does 2 to 5)
	MinRing        = 16   // blocks a ring holds at least
	MaxStateWords  = 1 << 17
	// HeadRoom is how many commands the log's head may be ahead of the last seal. A block therefore takes at most so many.
	HeadRoom = 256
	// LateLook is how many blocks after delivery the callback looks at the other rings' checksums once more, so that a
	// standby that was late is still compared. A ring holds it that long: MinRing > LateLook + MaxLead's share is checked
	// by Geometry.Validate.
	LateLook = 8

	page = 4096
	line = 64
)

// Build identifies the binaries. Make sets it with -ldflags -X, so that a worker of another build is refused.
var Build = "dev"

// Geometry is what host, player and workers must agree on before the first block.
type Geometry struct {
	Rate       uint32 // Hz
	Frames     uint32 // frames a block
	Channels   uint32 // interleaved
	Lead       uint32 // blocks sealed ahead of playout
	Replicas   uint32 // workers that render
	Slots      uint32 // rings in the pool
	Ring       uint32 // blocks a ring holds; a power of two
	StateWords uint32 // length of the state arena in 64-bit words
	LogRecords uint32 // capacity of the command log; a power of two
	Fifo       uint32 // 1: SCHED_FIFO is granted to all
}

// NewGeometry fills in what follows from the rest: the ring's and the log's size.
func NewGeometry(rate, frames, channels, lead, replicas, spares, stateWords int, fifo bool) (Geometry, error) {
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

// Validate says what about g nothing could be built on.
func (g Geometry) Validate() error {
	switch {
	case g.Rate < 8000 || g.Rate > 384000:
		return fmt.Errorf("rate %d: must be 8000 to 384000 Hz", g.Rate)
	case g.Frames < 16 || g.Frames > 8192:
		return fmt.Errorf("frames %d: must be 16 to 8192 a block", g.Frames)
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
		return fmt.Errorf("geometry: lead %d, ring %d, log %d do not fit together", g.Lead, g.Ring, g.LogRecords)
	}
	return nil
}

// BlockNS is the time of one block, rounded down, in ns.
func (g Geometry) BlockNS() int64 { return int64(g.Frames) * 1e9 / int64(g.Rate) }

// Samples is the number of float32 in a block.
func (g Geometry) Samples() int { return int(g.Frames * g.Channels) }

// Behind is how many blocks a worker may be behind the last seal and still catch up by rendering; further back, the
// blocks it would have to go on from may be gone from the rings and the commands from the log.
func (g Geometry) Behind() uint64 { return uint64(g.Ring - g.Lead - MaxBurst) }

// Stamp says what a region was made for; the three are checked before anything in it is believed.
type Stamp struct {
	Layout uint64 // hash of every size and offset in this file
	Build  uint64 // hash of the build id
	Epoch  uint64 // hash of the compiled patch: a new patch gets new regions
}

// NewStamp is the stamp of this binary for a patch.
func NewStamp(epoch uint64) Stamp {
	return Stamp{Layout: layoutHash(), Build: xxhash.Sum64String(Build), Epoch: epoch}
}

// Fold is the stamp in one word. It goes into every entry's checksum and, cut to 24 bits, into every seal.
func (s Stamp) Fold() uint64 {
	var b [24]byte
	binary.LittleEndian.PutUint64(b[0:], s.Layout)
	binary.LittleEndian.PutUint64(b[8:], s.Build)
	binary.LittleEndian.PutUint64(b[16:], s.Epoch)
	return xxhash.Sum64(b[:])
}

// Magic opens every region's header. The last letter tells the kind.
const (
	magicHost   = 0x4854534f48524843 // "CHRHOSTH"
	magicPlayer = 0x505245594c504843 // "CHPLYERP"
	magicRing   = 0x5252474e49524843 // "CHRINGRR"
)

// head opens every region. Ready is stored last by the one who writes the region.
type head struct {
	Magic uint64
	Stamp Stamp
	Geo   Geometry
	Ready atomic.Uint32
	_     [4]byte
}

// HostSlot is what the host says of a slot. A worker is meant to render while the greater of the two activation words, the
// host's here and the player's, is above Idle. All three only rise.
type HostSlot struct {
	Activate   atomic.Uint32 // futex; an idle spare waits on it
	Idle       atomic.Uint32
	Generation atomic.Uint32 // of the process that owns the slot's ring; 0: nobody
	Condemned  atomic.Uint32 // 1: never read this ring (agreement between rings comes later)
	AtNS       atomic.Int64  // when the host activated it
	_          [40]byte
}

// HostRegion is the host's header; the command log follows on the next page.
type HostRegion struct {
	head
	Head atomic.Uint64 // commands below this index are in the log
	// Failpoint is armed by the harness in builds with failpoints: slot<<32 | point. 0 in every other build.
	Failpoint atomic.Uint64
	_         [line]byte
	Slots     [MaxSlots]HostSlot
}

// LogRecord is one command. Record i lies at i mod Geometry.LogRecords.
type LogRecord struct {
	Index   uint64 // i + 1, so that a zeroed record is none
	Value   uint64 // float64 bits
	Frame   int64  // absolute frame of a timed command, -1: at the start of the block that takes it
	RecvNS  int64  // CLOCK_MONOTONIC
	Address uint32 // arena word
	Flags   uint32
	Sum     uint64 // of all above
	_       [16]byte
}

// Seal says which commands a block takes. Word is never rewritten while its block is due.
type Seal struct {
	Word atomic.Uint64 // tag of block and stamp (24 bits) | cut-off (40 bits)
	Prev atomic.Uint64 // the block whose state this one goes on from, plus one: the block itself but after an outage
}

// Kinds of PlayerEvent.
const (
	EventSwitched = iota + 1
	EventLost
	EventXrun
	EventActivated
)

// PlayerEvent leaves the callback through a ring that the host reads. Index is written last.
type PlayerEvent struct {
	Index    atomic.Uint64 // number of the event, from 1
	Block    uint64
	EntryNS  int64
	ReturnNS int64
	Value    int64 // frames lost, ns skipped
	Kind     uint32
	Slot     int32
	From     int32
	_        [12]byte
}

// PlayerSlot is what the callback says of a slot.
type PlayerSlot struct {
	Activate atomic.Uint32 // futex; as HostSlot.Activate
	_        [4]byte
	AtNS     atomic.Int64 // when the callback activated it
	_        [48]byte
}

// anchor is a point of the grid that blocks are due on. Seq is odd while it is written.
type anchor struct {
	seq, at atomic.Uint64
	ns      atomic.Int64
}

// SetAnchor says that block at is due at ns, CLOCK_MONOTONIC. A player that died half way leaves Seq odd, for the next.
func (p *PlayerRegion) SetAnchor(at uint64, ns int64) {
	seq := p.anchor.seq.Load() | 1
	p.anchor.seq.Store(seq)
	p.anchor.at.Store(at)
	p.anchor.ns.Store(ns)
	p.anchor.seq.Store(seq + 1)
}

// Anchor is the newest point of the grid: block at is due at ns, CLOCK_MONOTONIC. (0, 0) before the first. It does not wait for
// a player that died half way: what it says then may be a block out, until there is another.
func (p *PlayerRegion) Anchor() (at uint64, ns int64) {
	const most = 1000
	for range most {
		seq := p.anchor.seq.Load()
		at, ns = p.anchor.at.Load(), p.anchor.ns.Load()
		if seq&1 == 0 && p.anchor.seq.Load() == seq {
			break
		}
	}
	return at, ns
}

// PlayerRegion is the player's header; seal table, event ring and delivered ring follow.
type PlayerRegion struct {
	head
	_ [line]byte
	// Sealed: blocks below it exist. Its low half is the futex that rendering workers wait on.
	Sealed atomic.Uint64
	_      [56]byte
	// Playout: blocks below it have been handed to the sink.
	Playout atomic.Uint64
	_       [56]byte
	SkipTo  atomic.Uint64 // the first block after the last outage, 0: none; see Seal.Prev
	Primary atomic.Int32  // the slot read first; -1: none yet
	Waiting atomic.Uint32 // futex; 1 while a callback waits for a block: whoever publishes wakes it
	// Events: number written; its low half is a futex that the host waits on.
	Events    atomic.Uint64
	Lost      atomic.Uint64 // frames
	Switches  atomic.Uint64
	Xruns     atomic.Uint64
	XrunNS    atomic.Uint64
	Dry       atomic.Uint64 // calls before which the device had nothing left to play
	Late      atomic.Uint64 // of Switches: the worker read until then was alive, and late
	anchor    anchor        // of the grid that blocks are due on
	OriginNS  atomic.Int64  // CLOCK_MONOTONIC at which OriginAt was due: where that grid began
	OriginAt  atomic.Uint64
	EntryNS   atomic.Int64 // of the last call
	Allocs    atomic.Uint64
	Collected atomic.Uint64 // garbage collections
	Fifo      atomic.Uint32
	SinkError atomic.Uint32 // errno of a sink file that could not be written
	Written   atomic.Uint64 // the sink's file holds the blocks below
	Diverged  atomic.Uint64 // blocks whose rings did not agree
	Unwritten atomic.Uint64 // blocks that the sink's file lacks: the disk did not take them in time
	_         [line]byte
	Slots     [MaxSlots]PlayerSlot
}

// Flags of a Delivered block. Their values are the tape's.
const (
	FlagLost     = 1 << iota // no ring had the block in time
	FlagSwitched             // another ring is read first from this block on
	FlagXrun                 // the callback was later than the lead
	FlagPlayer               // first block of a new player process
	FlagFade                 // the last block before an ordered stop, faded to silence
)

// Delivered is the header of one delivered block; the samples follow it. Block is 0 while the rest is written.
type Delivered struct {
	Block    atomic.Uint64 // number + 1
	Sealed   uint64        // blocks sealed when the call returned; 0 until then
	ReturnNS int64         // 0 until then
	DeliveredInfo
	_    [52]byte
	Sums [MaxSlots]uint64
}

// DeliveredInfo is what is known of a block when it is handed out.
type DeliveredInfo struct {
	Prev       uint64
	Cutoff     uint64
	EntryNS    int64
	Sum        uint64
	Slot       int32
	Flags      uint32
	Generation uint32
}

// States of a worker, in RingRegion.State.
const (
	StateStarting = iota
	StateIdle
	StateRestoring
	StateRendering
)

// Phases of a worker's cursor.
const (
	PhaseIdle = iota
	PhaseRestoring
	PhaseRendering
	PhasePublishing
)

// RingRegion is a worker's header; the entries follow on the next page.
type RingRegion struct {
	head
	Generation uint32
	PID        int32
	CPU        atomic.Int32 // the processor its render thread keeps to; -1: any
	_          [4]byte
	_          [line]byte
	// Robust is the word of a robust futex: the render thread's TID | FUTEX_WAITERS, and FUTEX_OWNER_DIED once the kernel
	// has seen the thread exit.
	Robust atomic.Uint32
	Leave  atomic.Uint32 // futex; 1: told to go by SIGTERM
	State  atomic.Uint32
	_      [52]byte
	// Published: number of the newest block in the ring, plus one. A hint: entries are believed by their checksum only.
	Published atomic.Uint64
	Cursor    atomic.Uint64 // phase << 56 | block
	_         [48]byte
	LeaveNS   atomic.Int64
	ReadyNS   atomic.Int64
	ActiveNS  atomic.Int64  // when it last woke to render
	FirstNS   atomic.Int64  // when it published its first block since
	FirstAt   atomic.Uint64 // and which
	Restores  atomic.Uint64
	Rendered  atomic.Uint64
	Allocs    atomic.Uint64
	Collected atomic.Uint64 // garbage collections
	_         [line]byte
}

// EntryHeader opens a ring entry; samples and state follow. Block is a hint like everything here until Sum has been
// computed over a private copy. What it covers is the same in every replica, so equal sums mean equal bits, state and all.
type EntryHeader struct {
	Block    uint64 // number + 1
	Prev     uint64 // as Seal.Prev
	Cutoff   uint64
	Stamp    uint64
	StateSum uint64 // of the state after the block
	Sum      uint64 // of the five above and the samples
	RenderNS int64  // time the render took; not covered
	_        uint64
}

// Compile-time checks: the sizes that offsets are computed from.
var (
	_ [page - unsafe.Sizeof(HostRegion{})]byte
	_ [page - unsafe.Sizeof(PlayerRegion{})]byte
	_ [page - unsafe.Sizeof(RingRegion{})]byte
	_ = [1]int{}[unsafe.Sizeof(HostSlot{})-line]
	_ = [1]int{}[unsafe.Sizeof(PlayerSlot{})-line]
	_ = [1]int{}[unsafe.Sizeof(LogRecord{})-line]
	_ = [1]int{}[unsafe.Sizeof(PlayerEvent{})-line]
	_ = [1]int{}[unsafe.Sizeof(EntryHeader{})-line]
	_ = [1]int{}[unsafe.Sizeof(Seal{})-16]
	_ = [1]int{}[unsafe.Sizeof(Delivered{})-4*line]
)

func layoutHash() uint64 {
	var h HostRegion
	var p PlayerRegion
	var r RingRegion
	return xxhash.Sum64String(fmt.Sprint(
		MaxSlots, SealCount, DeliveredCount, EventCount, HeadRoom,
		unsafe.Sizeof(h), unsafe.Offsetof(h.Head), unsafe.Offsetof(h.Slots),
		unsafe.Sizeof(p), unsafe.Offsetof(p.Sealed), unsafe.Offsetof(p.Playout), unsafe.Offsetof(p.Events), unsafe.Offsetof(p.Slots),
		unsafe.Sizeof(r), unsafe.Offsetof(r.Robust), unsafe.Offsetof(r.Published),
		unsafe.Sizeof(Delivered{}), unsafe.Sizeof(EntryHeader{}), unsafe.Sizeof(LogRecord{}),
	))
}

func align(n, to int) int { return (n + to - 1) &^ (to - 1) }

func (g Geometry) hostSize() int { return page + int(g.LogRecords)*line }

func (g Geometry) deliveredStride() int {
	return align(int(unsafe.Sizeof(Delivered{}))+g.Samples()*4, line)
}

const (
	sealOffset      = page
	eventOffset     = sealOffset + SealCount*16
	deliveredOffset = eventOffset + EventCount*line
)

func (g Geometry) playerSize() int {
	return align(deliveredOffset+DeliveredCount*g.deliveredStride(), page)
}

func (g Geometry) entryStride() int {
	return line + align(g.Samples()*4, line) + align(int(g.StateWords)*8, line)
}

func (g Geometry) ringSize() int { return align(page+int(g.Ring)*g.entryStride(), page) }
