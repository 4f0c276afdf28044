package tape

import "chronus/engine/dsp"

// A timeline keeps as many states as fit into stateBytes, but at least
// minStates and at most maxStates. A patch with the largest arena, 1 MiB, thus
// takes 64 MiB, and a small one is limited only by maxStates.
const (
	stateBytes = 16 << 20
	minStates  = 64
	maxStates  = 4096
)

// moment is the state after a block, with what it takes to continue from it.
type moment struct {
	next      uint64 // the block that follows
	cutoff    uint64 // index of the first command that is not yet applied
	delivered bool   // whether the block was delivered rather than lost
	st        []uint64
}

// timeline is the sequence of states of the reference. It keeps the latest
// ones, because a worker that is started after an outage may continue from an
// earlier block than the last, and the commands that are needed from there on.
type timeline struct {
	prog     *dsp.Program
	moments  []moment // a ring: moment i is at i%len
	lo, hi   int      // the moments kept are lo..hi-1, by ascending next
	commands []change
	base     uint64 // index of commands[0] in the log
}

// change is a command of the log.
type change struct {
	addr  uint32
	frame int64 // -1 for the start of the block that takes it
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

// seen returns how many commands the log has so far.
func (t *timeline) seen() uint64 { return t.base + uint64(len(t.commands)) }

// command appends a command to the log.
func (t *timeline) command(c *Command) {
	t.commands = append(t.commands, change{c.Address, c.Frame, c.Value})
}

// jump renders block from the last moment, even if that is the state after a
// block other than the preceding one; the blocks in between are never rendered.
// The samples go to out, and the state after the block becomes the last moment.
func (t *timeline) jump(block, cutoff uint64, delivered bool, out []float32) {
	from, to := t.last(), t.at(t.hi)
	if to.st == nil {
		to.st = make([]uint64, len(from.st))
	}
	copy(to.st, from.st)
	for i := from.cutoff; i < cutoff; i++ {
		// A command that the program refuses was refused by the workers, too.
		c := t.commands[i-t.base]
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

// rewind returns to the moment before block next and drops the later ones. It
// returns how many delivered blocks it dropped. ok is false if there is no such
// moment, because the block before it was never rendered, or too long ago.
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
