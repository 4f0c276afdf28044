package dsp

import "math"

// Param describes one parameter of a kind.
type Param struct {
	Name    string
	Doc     string // what it controls, as a phrase
	Unit    string // "Hz", "s", or empty for a plain factor
	Default float64
	Min     float64 // inclusive
	Max     float64 // inclusive
	// Values names the values 0, 1, 2 and so on of a parameter that takes only
	// those; Min and Max are then unused. If it is nil, any number in Min..Max
	// is allowed.
	Values []string
	// Seed marks a parameter for which each module gets a value of its own,
	// rather than Default, if the patch leaves it out. Two modules then sound
	// alike only if the patch asks for it.
	Seed bool
}

// Kind is a type of module: its inputs, its parameters, the state it keeps and
// how it renders a block.
type Kind struct {
	Name       string
	Doc        string // one sentence, or a few, without a line break
	Params     []Param
	StateWords int // all zero at the start
	MinInputs  int
	MaxInputs  int
	step       step
}

// step renders a block into out, or part of one if a timed command splits it.
// w holds the module's words of the arena: its parameters, then its state. in
// holds one block per input, each at least as long as out and never the same
// memory; rate is the sample rate in Hz. The samples must not depend on where
// blocks are split, and any bits in w must be survived, because a state may
// come from a damaged ring.
type step func(w []uint64, in [][]float64, out []float64, rate uint64)

// kinds lists every kind. The index is the kind's wire id, which an encoded
// program refers to, so append only.
var kinds = []Kind{
	sineKind,
	constKind,
	gainKind,
	mixKind,
	noiseKind,
	adsrKind,
	filterKind,
}

// manyInputs is the limit for kinds that take any number of inputs.
const manyInputs = 4096

// factor is the largest amplitude or gain, 60 dB.
const factor = 1000

// Kinds returns every kind; the index is its wire id. The caller must not
// modify the slice.
func Kinds() []Kind { return kinds }

// KindByName returns the wire id of the kind with that name. ok is false if
// there is none.
func KindByName(name string) (id int, ok bool) {
	for i := range kinds {
		if kinds[i].Name == name {
			return i, true
		}
	}
	return 0, false
}

// ParamIndex returns the index of the parameter with that name, which is also
// the index of its word among the module's words. ok is false if there is none.
func (k *Kind) ParamIndex(name string) (i int, ok bool) {
	for i := range k.Params {
		if k.Params[i].Name == name {
			return i, true
		}
	}
	return 0, false
}

// Words returns how many words of the arena a module of this kind owns.
func (k *Kind) Words() int { return len(k.Params) + k.StateWords }

// Range returns the smallest and the largest value of the parameter.
func (q *Param) Range() (lo, hi float64) {
	if q.Values != nil {
		return 0, float64(len(q.Values) - 1)
	}
	return q.Min, q.Max
}

// Holds reports whether v is a valid value of the parameter.
func (q *Param) Holds(v float64) bool { return v == v && q.nearest(v) == v }

// nearest returns the valid value nearest to v, which must not be NaN.
func (q *Param) nearest(v float64) float64 {
	lo, hi := q.Range()
	v = min(max(v, lo), hi)
	if q.Values != nil {
		v = float64(int(v + 0.5))
	}
	return v
}

// value decodes a parameter word.
func value(word uint64) float64 { return math.Float64frombits(word) }
