package schedule

import (
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"time"
)

// Schedule draws the times of the faults of one engine process. The draws
// depend only on the seed, the scenario and the number of the run, so that a
// run can be repeated. The times that they are added to, when everything is
// ready for the next fault, depend on the machine.
type Schedule struct {
	rng    *rand.Rand
	settle time.Duration
	span   time.Duration
}

// Distance in blocks between a mended engine and the next fault: at least
// settleBlocks, and up to spanBlocks more. The span is a whole number of
// blocks, because only then is the phase within a block uniform whatever phase
// it is counted from.
const (
	settleBlocks = 1
	spanBlocks   = 4
)

// New returns the schedule of run number run of a scenario. block is the
// duration of one block.
func New(seed uint64, scenario string, run int, block time.Duration) *Schedule {
	return &Schedule{rng: Rand(seed, scenario, run), settle: settleBlocks * block, span: spanBlocks * block}
}

// Next returns when the next fault is due, given when the engine was whole and
// everything was prepared for the fault (both ns, CLOCK_MONOTONIC).
func (s *Schedule) Next(ready int64) int64 {
	return ready + int64(s.settle) + s.rng.Int64N(int64(s.span))
}

// Rand returns the generator for one use of a seed and the number of a run.
// Different uses never share a stream: one more draw in one of them must not
// move the faults of another.
func Rand(seed uint64, use string, run int) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(use + "#" + strconv.Itoa(run)))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// Block returns the duration of a block of frames at rate (Hz).
func Block(frames, rate int) time.Duration {
	return time.Duration(int64(frames) * int64(time.Second) / int64(rate))
}
