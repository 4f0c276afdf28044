package tape

// Version of the file format; a tape of another version is refused.
const Version = 1

// Header opens a tape: all that a replay needs besides the records.
type Header struct {
	Version   int    `json:"version"`
	Rate      int    `json:"rate"`     // Hz
	Frames    int    `json:"frames"`   // frames a block
	Channels  int    `json:"channels"` // interleaved
	Lead      int    `json:"lead"`     // blocks
	Replicas  int    `json:"replicas"`
	Spares    int    `json:"spares"`
	Slots     int    `json:"slots"`      // rings in the pool
	Ring      int    `json:"ring"`       // blocks a ring holds
	Patch     string `json:"patch"`      // its name
	PatchText string `json:"patch_text"` // its TOML
	Build     string `json:"build"`
	StartedNS int64  `json:"started_ns"` // CLOCK_MONOTONIC
	Date      string `json:"date"`       // RFC 3339
}

// Command is one record of the command log, in the order of the log. Index counts from 0.
type Command struct {
	Index   uint64
	Address uint32 // arena word, see dsp.Program
	Value   float64
	Frame   int64 // absolute frame, -1: at the start of the block whose seal takes it
	RecvNS  int64 // CLOCK_MONOTONIC: when the datagram was read
}

// Flags of a Block.
const (
	FlagLost     uint32 = 1 << iota // no ring had the block in time: Samples hold what was played instead
	FlagSwitched                    // another ring is read first from this block on
	FlagXrun                        // the callback was later than the lead: its grid was anchored anew
	FlagPlayer                      // first block of a new player process
	FlagFade                        // the last block before an ordered stop, faded to silence by dsp.Fade
)

// Block is one delivered block.
type Block struct {
	Block      uint64
	Prev       uint64 // the block whose state it goes on from, plus one; equals Block but after an outage. As sealed, lost or not
	Cutoff     uint64 // it takes the commands below this index (those from Cutoff of Prev on)
	Sealed     uint64 // blocks sealed when the call returned
	Slot       int32  // the ring it was read from, -1 when lost
	Flags      uint32
	Generation uint32 // of the worker that rendered it
	EntryNS    int64  // of the callback call, CLOCK_MONOTONIC
	ReturnNS   int64
	Sum        uint64    // the ring entry's checksum: covers Block, Prev, Cutoff, the state after the block and the samples
	Sums       []uint64  // the same checksum as every replica's ring showed it, by slot; 0: it had none in time. len = Header.Slots
	Samples    []float32 // len = Frames*Channels; what was handed to the sink, bit for bit
}

// Agree says whether all checksums of the block are the same, and how many replicas had one. A replica without one had
// nothing to disagree with; a lost block has no Sum of its own.
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
