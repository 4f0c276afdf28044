package tape

import "chronus/engine/dsp"

// Budget for the states that a timeline keeps: as many as fit into stateBytes, at least minStates, so that a patch of
// the largest arena (1 MiB) takes 64 MiB and a small one is not limited by it.
const (
	stateBytes = 16 << 20
	minStates  = 64
	maxStates  = 4096
)

// moment is the state after a block, and what has to be known to go on from it.
type moment struct {
	next      uint64 // the block that follows
	cutoff    uint64 // the first command not yet applied
	delivered bool   // the block before next was delivered, not lost
	st        []uint64
}

// timeline is the reference's course through its states. It keeps the latest ones, because a worker that is started
// after an outage may go on from an earlier block than the last, and the commands that are needed from there on.
type timeline struct {
	prog     *dsp.Program
	moments  []moment // a ring: number i is at i%len
	lo, hi   int      // numbers kept: lo..hi-1, by rising next
	commands []change
	base     uint64 // index of commands[0]
}

type change struct {
	addr  uint32
	frame int64 // -1: at the start of the block that takes it
	value float64
}

func newTimeline(prog *dsp.Program) *timeline {
	n := min(max(stateBytes/(8*max(prog.Words(), 1)), minStates), maxStates)
	t := &timeline{prog: prog, moments: make([]moment, n), hi: 1}
	st := make([]uint64, prog.Words())
	copy(st, prog.Initial)
	t.moments[0] = moment{st: st} // before block 0
	return t
}

func (t *timeline) at(i int) *moment { return &t.moments[i%len(t.moments)] }

func (t *timeline) last() *moment { return t.at(t.hi - 1) }

// seen returns how many commands the log has.
func (t *timeline) seen() uint64 { return t.base + uint64(len(t.commands)) }

func (t *timeline) command(c *Command) {
	t.commands = append(t.commands, change{c.Address, c.Frame, c.Value})
}

// jump makes block from the last moment, whichever block that one is before: the blocks in between are never rendered.
func (t *timeline) jump(block, cutoff uint64, delivered bool, out []float32) {
	from, to := t.last(), t.at(t.hi)
	if to.st == nil {
		to.st = make([]uint64, len(from.st))
	}
	copy(to.st, from.st)
	for i := from.cutoff; i < cutoff; i++ {
		c := t.commands[i-t.base] // what the program refuses the workers refused alike
		if c.frame >= 0 {
			t.prog.Schedule(to.st, uint64(c.frame), c.addr, c.value)
		} else {
			t.prog.Set(to.st, c.addr, c.value)
		}
	}
	t.prog.RenderBlock(to.st, block, out)
	to.next, to.cutoff, to.delivered = block+1, cutoff, delivered
	t.hi++
	if t.hi-t.lo > len(t.moments) {
		t.lo++
	}
	if oldest := t.at(t.lo).cutoff; oldest > t.base {
		t.commands = t.commands[oldest-t.base:]
		t.base = oldest
	}
}

// rewind goes back to the moment before block next and forgets what came after it. It returns how many delivered
// blocks that were; false when there is no such moment: the block before it was never rendered, or too long ago.
func (t *timeline) rewind(next uint64) (delivered uint64, ok bool) {
	i := t.hi
	for i > t.lo && t.at(i-1).next > next {
		i--
	}
	if i == t.lo || t.at(i-1).next != next {
		return 0, false
	}
	for j := i; j < t.hi; j++ {
		if t.at(j).delivered {
			delivered++
		}
	}
	t.hi = i
	return delivered, true
}
