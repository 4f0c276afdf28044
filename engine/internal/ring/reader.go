package ring

import "chronus/engine/internal/shm"

// Reader finds out what rings really hold. Its results rest on entries that
// verify, whatever the words in a ring's header claim: those only make the
// search short. A Reader belongs to one thread and does not allocate.
type Reader struct {
	fold    uint64
	header  shm.EntryHeader
	samples []float32
}

// NewReader returns a Reader of the rings of an engine.
func NewReader(g shm.Geometry, fold uint64) *Reader {
	return &Reader{fold: fold, samples: make([]float32, g.Samples())}
}

// Newest returns the number of the newest block that r holds, plus one; 0 if
// it holds none. sealed is the number of blocks that exist: no ring can hold a
// later one.
//
// Usually the block that r claims to be its newest verifies, and the next does
// not. Otherwise all entries are searched.
func (v *Reader) Newest(r *shm.Ring, sealed uint64) uint64 {
	n := r.Published.Load()
	if n == 0 || n > sealed || !v.holds(r, n-1) {
		n = v.Before(r, sealed+1)
	}
	for n > 0 && n < sealed && v.holds(r, n) {
		n++
	}
	return n
}

// Before returns the number of the newest block of r that is below the given
// one minus one, plus one: it searches all entries for the greatest count of
// blocks below have that verifies, and returns 0 if there is none.
func (v *Reader) Before(r *shm.Ring, have uint64) uint64 {
	for have > 0 {
		best := uint64(0)
		for i := range uint64(r.Geo.Ring) {
			e, _, _ := r.Entry(i)
			n := e.Block
			if n > best && n < have && (n-1)&uint64(r.Geo.Ring-1) == i && e.Stamp == v.fold {
				best = n
			}
		}
		if best == 0 || v.holds(r, best-1) {
			return best
		}
		have = best
	}
	return 0
}

// holds reports whether block n is in r, header and samples verified.
func (v *Reader) holds(r *shm.Ring, n uint64) bool {
	return Copy(r, v.fold, n, &v.header, v.samples)
}

// HoldsState reports whether block n is in r and the state after it verifies
// too. It computes the checksum of the state in place: it is for a ring that
// its worker has not written for longer than a ring's length, or whose answer
// need not last.
func (v *Reader) HoldsState(r *shm.Ring, n uint64) bool {
	if !v.holds(r, n) {
		return false
	}
	_, _, state := r.Entry(n)
	return v.header.StateSum == shm.StateSum(state)
}
