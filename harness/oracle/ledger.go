package oracle

import (
	"fmt"
	"math"
	"strings"

	"chronus/engine/patch"
	"chronus/engine/tape"
)

// The module and the parameter that the commands of the ledger set.
const (
	ledgerModule = "step"
	ledgerParam  = "value"
)

// ledger follows each command that was sent through the log on the tape and
// through the delivered sound.
//
// The sound of a patch with a ledger is one parameter as float32, so a value in
// the sound identifies its command. The log is read first (logged, sealed) and
// the sound afterwards (heard).
type ledger struct {
	addr    uint32
	initial float32
	sent    []Sent
	byValue map[float32]int // index into sent

	inLog   []int   // how often each of sent is in the log
	inSound []int   // how often the sound changed to the value of each
	excused []bool  // those that cannot be heard
	latency []int64 // ns, -1 if not heard

	open      []entry // log records that no delivered block has taken yet
	swallow   uint64  // a lost block has taken the commands below this index
	lastLog   int     // the latest of sent that was found in the log
	lastSound int     // the latest of sent that was found in the sound
	value     float32 // that the sound has at present

	merged, swallowed int

	lost, dup, misorder, unknown, offEdge Assertion
}

// entry is a log record for the ledger's parameter.
type entry struct {
	index uint64
	sent  int // index into ledger.sent; -1 if it was never sent
}

// hasLedger reports whether the sound of a patch is step's value as float32 and
// nothing else.
func hasLedger(name string) bool { return name == "steps" || strings.HasPrefix(name, "heavy:") }

// newLedger returns nil for a patch without a ledger.
func newLedger(h tape.Header, c *patch.Compiled, sent []Sent) (*ledger, error) {
	if !hasLedger(h.Patch) {
		if len(sent) > 0 {
			return nil, fmt.Errorf("commands were sent, but the sound of patch %s does not show them", h.Patch)
		}
		return nil, nil
	}
	addr, err := c.Address(ledgerModule, ledgerParam)
	if err != nil {
		return nil, err
	}
	l := &ledger{
		addr: addr, initial: float32(math.Float64frombits(c.Program.Initial[addr])),
		sent: sent, byValue: make(map[float32]int, len(sent)),
		inLog: make([]int, len(sent)), inSound: make([]int, len(sent)),
		excused: make([]bool, len(sent)), latency: make([]int64, len(sent)),
		lastLog: -1, lastSound: -1,
		lost: Assertion{Name: CommandsLost}, dup: Assertion{Name: CommandsDup},
		misorder: Assertion{Name: CommandsMisorder}, unknown: Assertion{Name: CommandsUnknown},
		offEdge: Assertion{Name: CommandsOffEdge},
	}
	l.value = l.initial
	for i, s := range sent {
		l.latency[i] = -1
		v := float32(s.Value)
		if j, ok := l.byValue[v]; ok {
			return nil, fmt.Errorf("commands %d and %d both send %v", sent[j].Seq, s.Seq, v)
		}
		if v == l.initial || v != v {
			return nil, fmt.Errorf("command %d sends %v, which cannot be told apart from the patch's own value", s.Seq, v)
		}
		l.byValue[v] = i
	}
	return l, nil
}

func (l *ledger) name(i int) string {
	return fmt.Sprintf("command %d (%v)", l.sent[i].Seq, l.sent[i].Value)
}

// logged takes a record of the command log.
func (l *ledger) logged(c *tape.Command) {
	if c.Address != l.addr {
		return
	}
	i, ok := l.byValue[float32(c.Value)]
	if !ok {
		l.open = append(l.open, entry{c.Index, -1})
		l.unknown.violated(1, func() string {
			return fmt.Sprintf("log record %d: %v, which was never sent", c.Index, c.Value)
		})
		return
	}
	l.open = append(l.open, entry{c.Index, i})
	where := func() string { return fmt.Sprintf("%s: log record %d", l.name(i), c.Index) }
	l.found(i, l.inLog, &l.lastLog, where)
}

// found counts a command in the log or in the sound. In each of them it has to
// be found once and in order.
func (l *ledger) found(i int, times []int, last *int, where func() string) {
	times[i]++
	switch {
	case times[i] > 1:
		l.dup.violated(1, where)
	case i < *last:
		l.misorder.violated(1, func() string { return fmt.Sprintf("%s, after %s", where(), l.name(*last)) })
	default:
		*last = i
	}
}

// sealed takes the cutoff of a block, in the order of the blocks. Of the
// commands that a delivered block takes, only the last is heard.
func (l *ledger) sealed(cutoff uint64, lost bool) {
	if lost {
		l.swallow = max(l.swallow, cutoff)
		return
	}
	n := 0
	for n < len(l.open) && l.open[n].index < cutoff {
		n++
	}
	for _, e := range l.open[:max(n-1, 0)] {
		if e.sent < 0 {
			continue
		}
		l.excused[e.sent] = true
		if e.index < l.swallow {
			l.swallowed++
		} else {
			l.merged++
		}
	}
	l.open = l.open[n:]
}

// heard takes the sound of a delivered block, in the order of the blocks.
func (l *ledger) heard(b *tape.Block, sound []float32, channels int) {
	unknown, late := false, false
	for k, v := range sound {
		if v == l.value {
			continue
		}
		i, ok := l.byValue[v]
		if !ok && v != l.initial {
			// The value stays what it was, so that the sample after a wrong one
			// is not taken for a command that comes back.
			if !unknown {
				unknown = true
				l.unknown.violated(1, func() string {
					return fmt.Sprintf("block %d: the sound is %v, which was never sent", b.Block, v)
				})
			}
			continue
		}
		if k/channels > 0 && !late {
			late = true
			l.offEdge.violated(1, func() string {
				return fmt.Sprintf("block %d: changes from %v to %v at its frame %d", b.Block, l.value, v, k/channels)
			})
		}
		l.value = v
		if !ok {
			l.dup.violated(1, func() string {
				return fmt.Sprintf("block %d: the sound is %v again, as before the first command", b.Block, v)
			})
			continue
		}
		if l.inSound[i] == 0 {
			l.latency[i] = b.EntryNS - l.sent[i].SentNS
		}
		where := func() string { return fmt.Sprintf("%s: sound of block %d", l.name(i), b.Block) }
		l.found(i, l.inSound, &l.lastSound, where)
	}
}

// settle counts the commands that were not found and returns the assertions.
func (l *ledger) settle() []Assertion {
	for i := range l.sent {
		switch {
		case l.inLog[i] == 0:
			l.lost.violated(1, func() string { return l.name(i) + ": not in the log" })
		case l.inSound[i] == 0 && !l.excused[i]:
			l.lost.violated(1, func() string { return l.name(i) + ": in the log, not in the sound" })
		}
	}
	return []Assertion{l.lost, l.dup, l.misorder, l.unknown, l.offEdge}
}
