package schedule

import (
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"time"
)

// Schedule draws the times of one engine process's faults. The draws depend on nothing but the seed and the name, so that a
// run can be repeated; what they are added to, when all is ready for the next fault, is the machine's.
type Schedule struct {
	rng    *rand.Rand
	settle time.Duration
	span   time.Duration
}

// Blocks that a schedule leaves between a mended engine and the next fault: at least settleBlocks, then up to spanBlocks more. The
// span is a whole number of blocks: only so is the phase within a block uniform, whatever phase it counts from.
const (
	settleBlocks = 1
	spanBlocks   = 4
)

// New returns the schedule of run number run of a scenario; block is the duration of one block.
func New(seed uint64, scenario string, run int, block time.Duration) *Schedule {
	return &Schedule{rng: Rand(seed, scenario, run), settle: settleBlocks * block, span: spanBlocks * block}
}

// Next returns when the next fault is due (ns), given when the engine was whole and all was prepared for it.
func (s *Schedule) Next(ready int64) int64 {
	return ready + int64(s.settle) + s.rng.Int64N(int64(s.span))
}

// Rand returns the generator that belongs to a seed and what it is used for. Different uses never share a stream: one draw
// more in one of them must not move the faults of another.
func Rand(seed uint64, use string, run int) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(use + "#" + strconv.Itoa(run)))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}
