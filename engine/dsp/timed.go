package dsp

import "math"

// MaxTimed is the number of timed commands that can be pending in a state.
const MaxTimed = 256

// Timed commands occupy the words after those of the modules: how many were
// late, how many are pending, and the pending ones, sorted by frame and, within
// a frame, by arrival. Unused entries are zero.
const (
	lateWord = iota
	countWord
	entriesAt
)

const (
	entryWords = 3 // frame, address, value
	timedWords = entriesAt + MaxTimed*entryWords
)

// Schedule stores a command in st that RenderBlock applies just before frame,
// counted from frame 0 of block 0. If addr is not the address of a parameter, v
// is not finite, or MaxTimed commands are pending already, Schedule leaves st
// alone and returns false.
func (p *Program) Schedule(st []uint64, frame uint64, addr uint32, v float64) bool {
	w := st[p.timed : p.timed+timedWords : p.timed+timedWords]
	n := waiting(w)
	if n == MaxTimed || !p.settable(addr, v) {
		return false
	}
	entries := w[entriesAt:]
	i := n * entryWords
	for i > 0 && entries[i-entryWords] > frame {
		copy(entries[i:i+entryWords], entries[i-entryWords:i])
		i -= entryWords
	}
	entries[i], entries[i+1], entries[i+2] = frame, uint64(addr), math.Float64bits(v)
	w[countWord] = uint64(n + 1)
	return true
}

// Late returns how many timed commands have been applied after their frame.
func (p *Program) Late(st []uint64) uint64 { return st[p.timed+lateWord] }

// waiting returns the pending count, clamped: in a damaged state it may be
// anything.
func waiting(w []uint64) int { return int(min(w[countWord], MaxTimed)) }

// RenderBlock is Render for block number block, with each pending command
// applied just before its frame. A command whose frame lies before the block,
// because it came too late or because its block was never rendered, is applied
// at the start of this block and counted as late.
func (p *Program) RenderBlock(st []uint64, block uint64, out []float32) {
	if st[p.timed+countWord] == 0 {
		p.Render(st, out)
		return
	}
	out = out[:p.Frames*p.Channels]
	w := st[p.timed : p.timed+timedWords : p.timed+timedWords]
	n, start, at, done := waiting(w), block*uint64(p.Frames), 0, 0
	for ; done < n; done++ {
		e := w[entriesAt+done*entryWords:][:entryWords]
		frame, offset := e[0], 0
		if frame < start {
			w[lateWord]++
		} else if ahead := frame - start; ahead < uint64(p.Frames) {
			offset = int(ahead)
		} else {
			break
		}
		// Not so for two commands on one frame, nor in a damaged state.
		if offset > at {
			p.render(st, out[at*p.Channels:offset*p.Channels])
			at = offset
		}
		if addr := e[1]; addr < uint64(p.timed) {
			p.Set(st, uint32(addr), math.Float64frombits(e[2]))
		}
	}
	p.render(st, out[at*p.Channels:])
	if done > 0 {
		kept := copy(w[entriesAt:], w[entriesAt+done*entryWords:entriesAt+n*entryWords])
		clear(w[entriesAt+kept : entriesAt+n*entryWords])
	}
	w[countWord] = uint64(n - done)
}
