package tape

// Version is the version of the file format. A tape of any other version is
// refused.
const Version = 1

// Header is the first record of a tape. It holds everything that a replay needs
// besides the other records.
type Header struct {
	Version   int    `json:"version"`
	Rate      int    `json:"rate"`     // Hz
	Frames    int    `json:"frames"`   // per block
	Channels  int    `json:"channels"` // interleaved
	Lead      int    `json:"lead"`     // blocks
	Replicas  int    `json:"replicas"`
	Spares    int    `json:"spares"`
	Slots     int    `json:"slots"`      // rings in the pool
	Ring      int    `json:"ring"`       // blocks per ring
	Patch     string `json:"patch"`      // name of the patch
	PatchText string `json:"patch_text"` // TOML of the patch
	Build     string `json:"build"`      // id of the engine's build
	StartedNS int64  `json:"started_ns"` // CLOCK_MONOTONIC
	Date      string `json:"date"`       // RFC 3339
}

// Command is one record of the command log. Commands come in the order of the
// log.
type Command struct {
	Index   uint64 // in the log, from 0
	Address uint32 // index of an arena word, see dsp.Program
	Value   float64
	Frame   int64 // absolute frame; -1 for the start of the block whose seal takes it
	RecvNS  int64 // CLOCK_MONOTONIC when the datagram was read
}

// Flags of a Block.
const (
	// FlagLost: no ring had the block in time; Samples are what was played
	// instead.
	FlagLost uint32 = 1 << iota
	// FlagSwitched: from this block on, a different ring is read first.
	FlagSwitched
	// FlagXrun: the callback was later than the lead and re-anchored its grid.
	FlagXrun
	// FlagPlayer: the first block of a new player process.
	FlagPlayer
	// FlagFade: the last block before an orderly stop, faded to silence by
	// dsp.Fade.
	FlagFade
)

// Block is one delivered block.
type Block struct {
	Block uint64 // its number, from 0

	// Prev is one more than the number of the block from whose state this one
	// continues. It equals Block except after an outage. It is as sealed, even
	// if the block was lost.
	Prev uint64

	// Cutoff bounds the commands that the block takes: from the Cutoff of block
	// Prev-1 up to, but not including, this index of the log.
	Cutoff uint64

	Sealed     uint64 // number of sealed blocks when the callback returned
	Slot       int32  // the ring from which it was read, -1 if lost
	Flags      uint32
	Generation uint32 // of the worker that rendered it
	EntryNS    int64  // CLOCK_MONOTONIC at the entry of the callback
	ReturnNS   int64  // CLOCK_MONOTONIC at its return

	// Sum is the checksum of the ring entry. It covers Block, Prev, Cutoff, the
	// samples and the state after the block.
	Sum uint64
	// Sums is the same checksum as seen in the ring of every replica, by slot;
	// 0 if the ring did not have the block in time. There are Header.Slots of
	// them.
	Sums []uint64
	// Samples are the Frames*Channels samples that were handed to the sink, bit
	// for bit.
	Samples []float32
}

// Agree reports whether all checksums of the block are the same, and returns
// how many replicas had one. A replica without one cannot disagree; a lost
// block has no Sum of its own.
func (b *Block) Agree() (same bool, replicas int) {
	ref := b.Sum
	same = true
	for _, s := range b.Sums {
		if s == 0 {
			continue
		}
		if ref == 0 {
			ref = s
		}
		same = same && s == ref
		replicas++
	}
	return same, replicas
}
