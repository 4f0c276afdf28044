// Package failpoint names the instants between two stores of the data path at which a process can be made to die.
//
// In a normal build Hit is an empty function that the compiler removes. Built with the tag `failpoints` it compares one
// word of the host's region with its own name and, armed, sends itself SIGKILL: no defer runs, no store after it happens.
package failpoint

// Point is one such instant.
type Point uint32

// The points, in the order in which a process passes them.
const (
	None Point = iota

	PublishCursor   // the cursor says publishing, nothing of the entry is written
	PublishBlock    // block number
	PublishPrev     // where it goes on from
	PublishCutoff   // last command
	PublishStamp    // stamp
	PublishHalf     // half of the samples
	PublishSamples  // all samples
	PublishState    // half of the state
	PublishWhole    // all of the state
	PublishStateSum // checksum of the state
	PublishSum      // checksum: the entry is valid from here on
	PublishTime     // render time
	PublishCount    // the published count
	PublishWake     // after a waiting callback was woken

	RestoreStart  // the state says restoring
	RestoreCursor // the cursor too
	RestoreHalf   // half of the state is copied
	RestoreState  // all of it is
	RestoreTime   // the time of activation
	RestoreCount  // the counters
	RestoreBlock  // the first block is rendered, not yet published
	RestoreFirst  // the first block is published, not yet stamped
	RestoreStamp  // when it was published is written
	RestoreAt     // which block it was, too
	RestoreDone   // the state says rendering

	SealCopied    // block copied and verified, nothing stored
	SealInvalid   // the delivered record is marked unfinished
	SealCleared   // what the last block in its place left is gone
	SealRecord    // its header is written
	SealSums      // one ring's checksum is written
	SealHalf      // half of its samples
	SealSamples   // all samples
	SealDelivered // it is marked finished
	SealPrimary   // the primary is stored
	SealSwitches  // the count of switches is stored
	SealLost      // the count of lost frames, too
	SealPlayout   // playout moved
	SealPrev      // a seal's predecessor is written
	SealWord      // its word is written
	SealSkip      // where the music goes on after an outage is written
	SealSealed    // the count of sealed blocks moved
	SealWake      // the workers are woken
	SealLate      // a late checksum of an earlier block is written
	SealCount     // the record says how many blocks were sealed
	SealReturn    // the time of return is written

	count
)

// Target is the kind of process that passes a point.
func (p Point) Target() string {
	if p >= SealCopied {
		return "player"
	}
	return "worker"
}

// Name is the point's name, "publish.half" for example.
func (p Point) Name() string { return names[p] }

// All lists the points in order.
func All() []Point {
	all := make([]Point, 0, count-1)
	for p := None + 1; p < count; p++ {
		all = append(all, p)
	}
	return all
}

var names = [count]string{
	None: "none",

	PublishCursor: "publish.cursor", PublishBlock: "publish.block", PublishPrev: "publish.prev", PublishCutoff: "publish.cutoff",
	PublishStamp: "publish.stamp", PublishHalf: "publish.half", PublishSamples: "publish.samples", PublishState: "publish.state",
	PublishWhole: "publish.whole", PublishStateSum: "publish.statesum", PublishSum: "publish.sum", PublishTime: "publish.time",
	PublishCount: "publish.count", PublishWake: "publish.wake",

	RestoreStart: "restore.start", RestoreCursor: "restore.cursor", RestoreHalf: "restore.half", RestoreState: "restore.state",
	RestoreTime: "restore.time", RestoreCount: "restore.count", RestoreBlock: "restore.block", RestoreFirst: "restore.first",
	RestoreStamp: "restore.stamp", RestoreAt: "restore.at", RestoreDone: "restore.done",

	SealCopied: "seal.copied", SealInvalid: "seal.invalid", SealCleared: "seal.cleared", SealRecord: "seal.record",
	SealSums: "seal.sums", SealHalf: "seal.half", SealSamples: "seal.samples", SealDelivered: "seal.delivered",
	SealPrimary: "seal.primary", SealSwitches: "seal.switches", SealLost: "seal.lost", SealPlayout: "seal.playout", SealPrev: "seal.prev",
	SealWord: "seal.word", SealSkip: "seal.skip", SealSealed: "seal.sealed", SealWake: "seal.wake", SealLate: "seal.late", SealCount: "seal.count",
	SealReturn: "seal.return",
}

// PlayerSlot stands for the player where a worker's slot is asked for.
const PlayerSlot = 0xffff

// Armed is the word that arms a point in the process of a slot.
func Armed(p Point, slot uint32) uint64 { return uint64(slot)<<32 | uint64(p) }
