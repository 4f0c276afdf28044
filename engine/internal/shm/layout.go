package shm

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/cespare/xxhash/v2"
)

// Build identifies the binaries. Make sets it with -ldflags -X, so that a
// worker of another build is refused.
var Build = "dev"

// Stamp identifies what a region was made for. Nothing else in a region is
// believed until all three have been checked.
type Stamp struct {
	Layout uint64 // hash of the layout of the regions
	Build  uint64 // hash of the build id
	Epoch  uint64 // hash of the compiled patch: a new patch gets new regions
}

// NewStamp returns this binary's stamp for a patch.
func NewStamp(epoch uint64) Stamp {
	return Stamp{Layout: layoutHash(), Build: xxhash.Sum64String(Build), Epoch: epoch}
}

// Fold returns the stamp in one word. It goes into every entry's checksum and,
// cut to 24 bits, into every seal.
func (s Stamp) Fold() uint64 {
	var b [24]byte
	binary.LittleEndian.PutUint64(b[0:], s.Layout)
	binary.LittleEndian.PutUint64(b[8:], s.Build)
	binary.LittleEndian.PutUint64(b[16:], s.Epoch)
	return xxhash.Sum64(b[:])
}

// The magic number that opens every region's header. The last letter names the
// kind.
const (
	magicHost   = 0x4854534f48524843 // "CHRHOSTH"
	magicPlayer = 0x505245594c504843 // "CHPLYERP"
	magicRing   = 0x5252474e49524843 // "CHRINGRR"
)

// head opens every region. The process that writes the header stores Ready
// last.
type head struct {
	Magic uint64
	Stamp Stamp
	Geo   Geometry
	Ready atomic.Uint32
	_     [4]byte
}

// HostSlot is the host's record of a slot. A worker is meant to render while
// the greater of the two activation words, this one and the player's, is above
// Idle. Activate, Idle and Generation only ever rise.
type HostSlot struct {
	Activate   atomic.Uint32 // futex; an idle spare waits on it
	Idle       atomic.Uint32
	Generation atomic.Uint32 // of the process that owns the slot's ring; 0: none
	Reaped     atomic.Uint32 // the last generation that is known to be dead
	AtNS       atomic.Int64  `word:"figure"` // when the host activated it
	_          [40]byte
}

// HostRegion is the host's header; the command log follows on the next page.
type HostRegion struct {
	head
	Head atomic.Uint64 // commands below this index are in the log
	// Heads holds Head twice, each time with a checksum; see SetHead.
	Heads [2]atomic.Uint64
	// Failpoint is armed by the harness in builds with failpoints:
	// slot<<32 | point. It is 0 in every other build.
	Failpoint atomic.Uint64 `word:"figure"`
	_         [line]byte
	Slots     [MaxSlots]HostSlot
}

// LogRecord is one command. Record i lies at i mod Geometry.LogRecords.
type LogRecord struct {
	Index   uint64 // i + 1, so that a zeroed record is never valid
	Value   uint64 // float64 bits
	Frame   int64  // absolute frame of a timed command; -1: at the start of the block that takes it
	RecvNS  int64  // CLOCK_MONOTONIC
	Address uint32 // arena word
	Flags   uint32
	Sum     uint64 // of all the fields above
	_       [16]byte
}

// Seal fixes which commands a block takes. Word is never rewritten while its
// block is due. Prev is the block whose state this one continues, plus one:
// the block's own number except after an outage.
type Seal struct {
	Word atomic.Uint64 // checksum (24 bits) | cut-off (40 bits); see SealWord
	Prev atomic.Uint64
}

// Kinds of PlayerEvent.
const (
	EventSwitched = iota + 1
	EventLost
	EventXrun
	EventActivated
)

// PlayerEvent leaves the callback through a ring that the host reads. Index is
// written last.
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

// PlayerSlot is the callback's record of a slot.
type PlayerSlot struct {
	Activate atomic.Uint32 // futex; as HostSlot.Activate
	_        [4]byte
	AtNS     atomic.Int64 `word:"figure"` // when the callback activated it
	_        [48]byte
}

// anchor is a point of the grid that blocks are due on. Seq is odd while it is
// written.
type anchor struct {
	seq, at atomic.Uint64
	ns      atomic.Int64
}

// SetAnchor records that block at is due at ns, CLOCK_MONOTONIC. A player that
// dies half way leaves seq odd, which its successor's call repairs.
func (p *PlayerRegion) SetAnchor(at uint64, ns int64) {
	seq := p.anchor.seq.Load() | 1
	p.anchor.seq.Store(seq)
	p.anchor.at.Store(at)
	p.anchor.ns.Store(ns)
	p.anchor.seq.Store(seq + 1)
}

// Anchor returns the newest point of the grid: block at is due at ns,
// CLOCK_MONOTONIC. It returns (0, 0) before the first SetAnchor. It does not
// wait for a player that died half way through SetAnchor: until the next one,
// the point may then be one block out.
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

// PlayerRegion is the player's header; seal table, event ring and delivered
// ring follow.
type PlayerRegion struct {
	head
	_ [line]byte
	// Sealed: blocks below it exist. Its low half is the futex that rendering
	// workers wait on.
	Sealed atomic.Uint64
	_      [56]byte
	// Playout: blocks below it have been handed to the sink.
	Playout atomic.Uint64
	_       [56]byte
	SkipTo  atomic.Uint64 // the first block after the last outage; 0: there was none; see Seal
	Primary atomic.Int32  // the slot read first; -1: none yet
	// Waiting is a futex. It is 1 while a callback waits for a block: a worker
	// that publishes then wakes it.
	Waiting atomic.Uint32
	// Events is the number of events written; its low half is a futex that the
	// host waits on.
	Events    atomic.Uint64
	Lost      atomic.Uint64 // frames
	Switches  atomic.Uint64
	Xruns     atomic.Uint64
	XrunNS    atomic.Uint64
	Dry       atomic.Uint64 `word:"figure"` // calls before which the device had nothing left to play
	Late      atomic.Uint64 `word:"figure"` // of Switches: the worker read until then was alive, and late
	anchor    anchor        // of the grid that blocks are due on
	OriginNS  atomic.Int64  // CLOCK_MONOTONIC at which OriginAt was due: the grid's origin
	OriginAt  atomic.Uint64
	EntryNS   atomic.Int64  `word:"figure"` // of the last call
	Allocs    atomic.Uint64 `word:"figure"`
	Collected atomic.Uint64 `word:"figure"` // garbage collections
	Fifo      atomic.Uint32
	SinkError atomic.Uint32 // SinkWord of a sink file that could not be written
	Written   atomic.Uint64 // the sink's file holds the blocks below this number
	Diverged  atomic.Uint64 // blocks whose rings did not agree
	Unwritten atomic.Uint64 // blocks that the sink's file lacks because the disk was too slow
	_         [line]byte
	Slots     [MaxSlots]PlayerSlot
}

// Flags of a Delivered block. Their values are also the tape's.
const (
	FlagLost     = 1 << iota // no ring had the block when it was due
	FlagSwitched             // another ring is read first from this block on
	FlagXrun                 // the callback was later than the lead
	FlagPlayer               // first block of a new player process
	FlagFade                 // the last block before an ordered stop, faded to silence
)

// Delivered is the header of one delivered block; the samples follow it. Block
// is 0 while the rest is written.
type Delivered struct {
	Block    atomic.Uint64 // number + 1
	Sealed   uint64        // blocks sealed when the call returned; 0 until then
	ReturnNS int64         // 0 until the call returned
	DeliveredInfo
	_    [52]byte
	Sums [MaxSlots]uint64
}

// DeliveredInfo is what is known of a block at the moment it is handed out.
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
	CPU        atomic.Int32 // the CPU that its render thread is pinned to; -1: any
	_          [4]byte
	_          [line]byte
	// Robust is the word of a robust futex: the render thread's TID |
	// FUTEX_WAITERS, and FUTEX_OWNER_DIED once the kernel has seen the thread
	// exit.
	Robust atomic.Uint32
	Leave  atomic.Uint32 // futex; 1: SIGTERM told the worker to leave
	State  atomic.Uint32
	_      [52]byte
	// Published is the number of the newest block in the ring, plus one. It is
	// a hint: an entry is believed only by its checksum.
	Published atomic.Uint64
	Cursor    atomic.Uint64 // phase << 56 | block
	_         [48]byte
	LeaveNS   atomic.Int64  `word:"figure"`
	ReadyNS   atomic.Int64  `word:"figure"`
	ActiveNS  atomic.Int64  `word:"figure"` // when it last woke to render
	FirstNS   atomic.Int64  `word:"figure"` // when it published its first block after that
	FirstAt   atomic.Uint64 `word:"figure"` // the number of that block
	Restores  atomic.Uint64 `word:"figure"`
	Rendered  atomic.Uint64 `word:"figure"`
	Allocs    atomic.Uint64 `word:"figure"`
	Collected atomic.Uint64 `word:"figure"` // garbage collections
	_         [line]byte
}

// EntryHeader opens a ring entry; samples and state follow. Like every word in
// a ring, Block is a hint until Sum has been computed over a private copy. What
// Sum covers is the same in every replica, so equal sums mean equal bits,
// including those of the state.
type EntryHeader struct {
	Block    uint64 // number + 1
	Prev     uint64 // as Seal.Prev
	Cutoff   uint64
	Stamp    uint64
	StateSum uint64 // of the state after the block
	Sum      uint64 // of the five fields above and the samples
	RenderNS int64  // time that rendering took; not covered by Sum
	_        uint64
}

// Compile-time checks of the sizes that offsets are computed from.
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
		unsafe.Sizeof(h), unsafe.Offsetof(h.Head), unsafe.Offsetof(h.Slots), unsafe.Offsetof(h.Slots[0].AtNS),
		unsafe.Sizeof(p), unsafe.Offsetof(p.Sealed), unsafe.Offsetof(p.Playout), unsafe.Offsetof(p.Events),
		unsafe.Offsetof(p.Slots),
		unsafe.Sizeof(r), unsafe.Offsetof(r.Robust), unsafe.Offsetof(r.Published),
		unsafe.Sizeof(Delivered{}), unsafe.Sizeof(EntryHeader{}), unsafe.Sizeof(LogRecord{}),
	))
}
