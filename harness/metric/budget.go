package metric

import "strings"

// Budget is a limit that a scenario sets on a sampled metric. It is judged on
// the median of the scenario's engine processes.
type Budget struct {
	Metric string
	Kind   BudgetKind
}

// BudgetKind is what a Budget limits of its metric.
type BudgetKind int

const (
	// Absolute limits the p50, in the metric's unit. It is judged under
	// SCHED_FIFO only, because times do not travel.
	Absolute BudgetKind = iota
	// TimesFloor limits the p50 as a multiple of the p50 of the metric's Floor.
	TimesFloor
	// PastLead limits the p99, in the metric's unit (ns), less the engine's
	// lead and one block, which a command has to wait for at worst. It is
	// judged under SCHED_FIFO only.
	PastLead
	// BeyondBlock limits the share of samples longer than a block, less the
	// floor's own share.
	BeyondBlock
)

// Floor returns the metric of the floor process that the budget compares with.
func (b Budget) Floor() string {
	m, _ := Lookup(b.Metric)
	return m.Floor
}

// Travels reports whether a budget of this kind means the same on every machine
// and in every scheduling class.
func (k BudgetKind) Travels() bool { return k == TimesFloor || k == BeyondBlock }

// ParseBudget reads the name of a budget: <metric>-p50-<unit>,
// <metric>-x-floor, <metric>-beyond-block or <metric>-past-lead-ns. It reports
// whether there is such a budget.
func ParseBudget(name string) (Budget, bool) {
	for _, m := range table {
		if rest, ok := strings.CutPrefix(name, m.Name+"-"); ok && m.Unit != "" {
			switch rest {
			case "p50-" + m.Unit:
				return Budget{m.Name, Absolute}, true
			case "x-floor":
				return Budget{m.Name, TimesFloor}, true
			case "past-lead-" + m.Unit:
				return Budget{m.Name, PastLead}, m.Unit == "ns"
			case "beyond-block":
				return Budget{m.Name, BeyondBlock}, true
			}
		}
	}
	return Budget{}, false
}
