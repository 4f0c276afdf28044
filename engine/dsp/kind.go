package dsp

import "math"

// Param describes one parameter of a kind.
type Param struct {
	Name    string
	Unit    string // "Hz", or empty for a plain factor
	Default float64
	Min     float64 // inclusive
	Max     float64 // inclusive
	// Values names the values 0, 1, 2 and so on of a parameter that has only those; Min and Max are not used. nil: any number.
	Values []string
	// Seed says that a patch which leaves the parameter out gets a value of the module's own instead of Default, so that two
	// modules are alike only where someone asked for it.
	Seed bool
}

// Kind is a sort of module: what it takes, what it keeps and how it makes a block.
type Kind struct {
	Name       string
	Doc        string // one sentence
	Params     []Param
	StateWords int // all zero at the start
	MinInputs  int
	MaxInputs  int
	step       step
}

// step renders a block, or a part of one where a timed command splits it, into out. w is the module's part of the arena, in its
// inputs' blocks (at least as long as out, never the same memory), rate the sample rate in Hz. The samples do not depend on where
// blocks are split. It must survive any bits in w: those may come from a damaged ring.
type step func(w []uint64, in [][]float64, out []float64, rate uint64)

// kinds in the order of their wire ids. Append only: a program is encoded with indices into it.
var kinds = []Kind{sineKind, constKind, gainKind, mixKind, noiseKind, adsrKind, filterKind}

// manyInputs is the limit for kinds that take any number.
const manyInputs = 4096

// factor is the range of amplitudes and gains, ±60 dB.
const factor = 1000

// Kinds lists every kind; the index is its wire id. The caller must not write to it.
func Kinds() []Kind { return kinds }

// KindByName finds the wire id of a kind.
func KindByName(name string) (id int, ok bool) {
	for i := range kinds {
		if kinds[i].Name == name {
			return i, true
		}
	}
	return 0, false
}

// ParamIndex finds a parameter, which is also its word's place among the module's words.
func (k *Kind) ParamIndex(name string) (i int, ok bool) {
	for i := range k.Params {
		if k.Params[i].Name == name {
			return i, true
		}
	}
	return 0, false
}

// Words is the length of a module's part of the arena.
func (k *Kind) Words() int { return len(k.Params) + k.StateWords }

// Range is the smallest and the largest value.
func (q *Param) Range() (lo, hi float64) {
	if q.Values != nil {
		return 0, float64(len(q.Values) - 1)
	}
	return q.Min, q.Max
}

// Holds says whether v is one of the parameter's values.
func (q *Param) Holds(v float64) bool { return v == v && q.nearest(v) == v }

// nearest is the value nearest to v, which is a number.
func (q *Param) nearest(v float64) float64 {
	lo, hi := q.Range()
	v = min(max(v, lo), hi)
	if q.Values != nil {
		v = float64(int(v + 0.5))
	}
	return v
}

// value reads a parameter word.
func value(word uint64) float64 { return math.Float64frombits(word) }
