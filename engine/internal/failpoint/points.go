// Package failpoint names the instants between two stores of the data path at
// which a process can be made to die. It must cost a normal build nothing.
//
// In a normal build Hit is an empty function that the compiler removes. Built
// with the tag failpoints it compares one word of the host's region with its
// own point and, if that is armed, sends SIGKILL to its process: no deferred
// function runs, and no later store happens.
package failpoint

// Point is one such instant.
type Point uint32

// The points, in the order in which a process passes them.
const (
	None Point = iota

	PublishCursor   // the cursor shows publishing; nothing of the entry is written
	PublishBlock    // the block number is written
	PublishPrev     // the block that it continues is
	PublishCutoff   // the cut-off is
	PublishStamp    // the stamp is
	PublishHalf     // half of the samples are
	PublishSamples  // all samples are
	PublishState    // half of the state is
	PublishWhole    // all of the state is
	PublishStateSum // the checksum of the state is
	PublishSum      // the checksum is: the entry is valid from here on
	PublishTime     // the render time is
	PublishCount    // the published count is
	PublishWake     // a waiting callback was woken

	RestoreStart  // the worker's state is restoring
	RestoreCursor // its cursor shows it too
	RestoreHalf   // half of the state is copied
	RestoreState  // all of it is
	RestoreTime   // the time of activation is written
	RestoreCount  // the count of restores is
	RestoreBlock  // the first block is rendered, not yet published
	RestoreFirst  // the first block is published, not yet stamped
	RestoreStamp  // the time of its publication is written
	RestoreAt     // its number is, too
	RestoreDone   // the worker's state is rendering

	SealCopied    // block copied and verified, nothing stored
	SealInvalid   // the delivered record is marked unfinished
	SealCleared   // what the previous block in its place left is cleared
	SealRecord    // its header is written
	SealSums      // one ring's checksum is
	SealHalf      // half of its samples are
	SealSamples   // all samples are
	SealDelivered // it is marked finished
	SealPrimary   // the primary is stored
	SealSwitches  // the count of switches is stored
	SealLost      // the count of lost frames is
	SealPlayout   // playout has moved
	SealPrev      // a seal's predecessor is written
	SealWord      // its word is written
	SealSkip      // the block at which the music resumes after an outage is written
	SealSealed    // the count of sealed blocks has moved
	SealWake      // the workers are woken
	SealLate      // a late checksum of an earlier block is written
	SealCount     // the number of blocks sealed is in the record
	SealReturn    // the time of return is written

	count
)

// Target returns the kind of process that passes the point.
func (p Point) Target() string {
	if p >= SealCopied {
		return "player"
	}
	return "worker"
}

// Name returns the point's name, such as "publish.half".
func (p Point) Name() string { return names[p] }

// All returns the points in order.
func All() []Point {
	all := make([]Point, 0, count-1)
	for p := None + 1; p < count; p++ {
		all = append(all, p)
	}
	return all
}

var names = [count]string{
	None: "none",

	PublishCursor:   "publish.cursor",
	PublishBlock:    "publish.block",
	PublishPrev:     "publish.prev",
	PublishCutoff:   "publish.cutoff",
	PublishStamp:    "publish.stamp",
	PublishHalf:     "publish.half",
	PublishSamples:  "publish.samples",
	PublishState:    "publish.state",
	PublishWhole:    "publish.whole",
	PublishStateSum: "publish.statesum",
	PublishSum:      "publish.sum",
	PublishTime:     "publish.time",
	PublishCount:    "publish.count",
	PublishWake:     "publish.wake",

	RestoreStart:  "restore.start",
	RestoreCursor: "restore.cursor",
	RestoreHalf:   "restore.half",
	RestoreState:  "restore.state",
	RestoreTime:   "restore.time",
	RestoreCount:  "restore.count",
	RestoreBlock:  "restore.block",
	RestoreFirst:  "restore.first",
	RestoreStamp:  "restore.stamp",
	RestoreAt:     "restore.at",
	RestoreDone:   "restore.done",

	SealCopied:    "seal.copied",
	SealInvalid:   "seal.invalid",
	SealCleared:   "seal.cleared",
	SealRecord:    "seal.record",
	SealSums:      "seal.sums",
	SealHalf:      "seal.half",
	SealSamples:   "seal.samples",
	SealDelivered: "seal.delivered",
	SealPrimary:   "seal.primary",
	SealSwitches:  "seal.switches",
	SealLost:      "seal.lost",
	SealPlayout:   "seal.playout",
	SealPrev:      "seal.prev",
	SealWord:      "seal.word",
	SealSkip:      "seal.skip",
	SealSealed:    "seal.sealed",
	SealWake:      "seal.wake",
	SealLate:      "seal.late",
	SealCount:     "seal.count",
	SealReturn:    "seal.return",
}

// PlayerSlot stands for the player in place of a worker's slot.
const PlayerSlot = 0xffff

// Armed returns the word that arms a point in the process of a slot.
func Armed(p Point, slot uint32) uint64 { return uint64(slot)<<32 | uint64(p) }
