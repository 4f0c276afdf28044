package gate

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"golang.org/x/perf/benchmath"
	"golang.org/x/perf/benchunit"

	"chronus/harness/metric"
	"chronus/harness/report"
	"chronus/harness/scenario"
)

// MinRuns is how many engine processes each side of a comparison needs.
const MinRuns = 10

// alpha is the probability of a false alarm in a whole comparison, however many
// figures it compares.
const alpha = 0.05

// Comparison holds what two revisions differ in.
type Comparison struct {
	Old, New string // files
	Changes  []Change
	Failures []string // one line each; none: the gate lets the new revision pass
	Notes    []string
}

// Change is one figure of one scenario on both sides.
type Change struct {
	Config, Row, Unit string
	Old, New          benchmath.Summary
	Test              benchmath.Comparison
	Zero              bool   // 0 in every process on both sides
	Verdict           string // what is wrong with it, with a space before it
	exact             bool
	better            int
	worse             float64 // share for the worse; negative: it got better
	limit             float64 // of worse; 0: it is only shown
}

// Compare reads two runs.txt, or the folders that hold them, and compares the
// new one with the old one. An error means that one cannot be read: a malformed
// line, a file that is missing or empty.
//
// The new revision fails if a figure is significantly worse by more than its
// metric allows, a count is over its budget in any one process, what was 0 is
// no longer 0, a row or a unit is missing, or a side has fewer than minRuns
// processes. Significance is the Mann-Whitney U test with Holm's correction for
// the number of figures tested (S. Holm 1979): tested at 0.05 each, one of two
// hundred would nearly always raise a false alarm.
func Compare(old, new string, minRuns int) (*Comparison, error) {
	before, err := readRevision(old)
	if err != nil {
		return nil, err
	}
	after, err := readRevision(new)
	if err != nil {
		return nil, err
	}
	all, err := scenario.All()
	if err != nil {
		return nil, err
	}
	return compare(before, after, all, minRuns), nil
}

func compare(before, after *revision, all []*scenario.Scenario, minRuns int) *Comparison {
	c := &Comparison{Old: before.file, New: after.file}
	c.missing(before, after)
	c.few(before, minRuns)
	c.few(after, minRuns)
	c.overBudget(after, all)
	c.changes(before, after)
	c.judge()
	return c
}

func (c *Comparison) fail(format string, args ...any) {
	c.Failures = append(c.Failures, fmt.Sprintf(format, args...))
}

// missing finds what the old revision has and the new one does not.
func (c *Comparison) missing(before, after *revision) {
	for _, at := range before.rows {
		if after.lines[at] == 0 {
			why := "is missing"
			if slices.ContainsFunc(after.rows, func(r row) bool { return r.name == at.name }) {
				why = "was taken on another machine or system: nothing can be compared"
			}
			c.fail("%s: %s", at.name, why)
			continue
		}
		for _, unit := range unitsOf(at, before) {
			switch {
			case len(after.cells[cell{at, unit}]) > 0:
			case before.always(at, unit) && !depends(unit):
				c.fail("%s: %s is missing", at.name, unit)
			default:
				c.note("%s: %s is in %d of %d engine processes of %s and in none of the other side: it depends on chance",
					at.name, unit, len(before.cells[cell{at, unit}]), before.lines[at], before.file)
			}
		}
	}
}

// depends reports whether it depends on what happened in an engine process
// whether it has the unit.
func depends(unit string) bool {
	m, _, ok := metric.Of(unit)
	return ok && m.Chance
}

func (c *Comparison) note(format string, args ...any) {
	c.Notes = append(c.Notes, fmt.Sprintf(format, args...))
}

// few finds rows of which there are too few, and judged units that too few
// processes have. A unit that depends on what happened, such as the time of a
// worker's first block where no spare was ready, is compared among the
// processes that have it.
func (c *Comparison) few(side *revision, minRuns int) {
	for _, at := range side.rows {
		if n := side.lines[at]; n < minRuns {
			c.fail("%s: %d engine processes in %s, at least %d are needed", at.name, n, side.file, minRuns)
			continue
		}
		for _, unit := range unitsOf(at, side) {
			m, median, ok := metric.Of(unit)
			n := len(side.cells[cell{at, unit}])
			if ok && !depends(unit) && (m.Judged() || median && m.Worse > 0) && n < minRuns {
				c.fail("%s: %d engine processes in %s have %s, at least %d must", at.name, n, side.file, unit, minRuns)
			}
		}
	}
}

// overBudget holds every process of the new revision to what verify allows it.
func (c *Comparison) overBudget(after *revision, all []*scenario.Scenario) {
	for _, at := range after.rows {
		s := &scenario.Scenario{Name: at.scenario} // an unknown one is allowed nothing more
		if i := slices.IndexFunc(all, func(s *scenario.Scenario) bool { return s.Name == at.scenario }); i >= 0 {
			s = all[i]
		}
		for _, unit := range unitsOf(at, after) {
			m, _, ok := metric.Of(unit)
			if !ok {
				continue
			}
			worst, n := report.Failure{Assertion: m.Name}, 0
			for _, o := range after.cells[cell{at, unit}] {
				if !within(s, m, o.value, o.faults) {
					n++
					worst.Count, worst.Limit = max(worst.Count, finite(o.value)), allowance(s, m, o.faults)
				}
			}
			if n > 0 {
				c.fail("%s: %s, in %d of %d engine processes", at.name, worst, n, after.lines[at])
			}
		}
	}
}

// changes compares what both sides have.
func (c *Comparison) changes(before, after *revision) {
	thresholds := &benchmath.Thresholds{CompareAlpha: alpha}
	for _, unit := range append(columns(), strangers(before, after)...) {
		for _, at := range before.rows {
			old, new := before.sample(cell{at, unit}), after.sample(cell{at, unit})
			if len(old) == 0 || len(new) == 0 {
				continue
			}
			assume := after.units.GetAssumption(unit)
			a, b := benchmath.NewSample(old, thresholds), benchmath.NewSample(new, thresholds)
			change := Change{
				Config: at.config, Row: at.name, Unit: unit,
				Old: assume.Summary(a, 0.95), New: assume.Summary(b, 0.95), Test: assume.Compare(a, b),
				exact: assume == benchmath.Assumption(benchmath.AssumeExact),
				Zero:  !slices.ContainsFunc(slices.Concat(old, new), func(v float64) bool { return v != 0 }),
			}
			if change.better = after.units.GetBetter(unit); change.better == 0 {
				change.better = before.units.GetBetter(unit)
			}
			change.rate()
			c.Changes = append(c.Changes, change)
		}
	}
}

// rate sets by how much a change is one for the worse, and how much is allowed.
func (ch *Change) rate() {
	old, new := ch.Old.Center, ch.New.Center
	switch {
	case old == new || ch.better == 0:
	case old == 0:
		ch.worse = math.Copysign(math.Inf(1), -float64(ch.better)*new)
	case ch.better > 0:
		ch.worse = 1 - new/old
	default:
		ch.worse = new/old - 1
	}
	if m, median, ok := metric.Of(ch.Unit); ok && median {
		ch.limit = m.Worse
		if m.Judged() && m.Worse == 0 {
			ch.limit = math.MaxFloat64 // fails only if it was 0 and no longer is
		}
	}
}

// judge finds the changes for the worse that are significant, all tests taken
// together, and beyond what is allowed.
func (c *Comparison) judge() {
	var tested []*Change
	least := 1.0
	for i := range c.Changes {
		ch := &c.Changes[i]
		switch {
		case ch.limit == 0:
		case ch.exact: // no test: any change counts
			if ch.worse > ch.limit {
				ch.Verdict = " WORSE"
				c.fail("%s: %s was %s and is %s", ch.Row, ch.Unit, ch.text(ch.Old.Center), ch.text(ch.New.Center))
			}
		default:
			tested = append(tested, ch)
			least = min(least, reach(ch.Test.N1, ch.Test.N2))
		}
	}
	slices.SortStableFunc(tested, func(a, b *Change) int { return cmp.Compare(a.Test.P, b.Test.P) })
	for i, ch := range tested {
		if ch.Test.P > alpha/float64(len(tested)-i) {
			break // nor is any of the rest (Holm)
		}
		if ch.worse > ch.limit {
			ch.Verdict = " WORSE"
			by := "" // there is no share of 0
			if !math.IsInf(ch.worse, 0) {
				by = fmt.Sprintf(": worse by %.1f %%, at most %.0f %%", 100*ch.worse, 100*ch.limit)
			}
			c.fail("%s: %s was %s and is %s%s (%s)", ch.Row, ch.Unit, ch.text(ch.Old.Center), ch.text(ch.New.Center), by, ch.Test)
		}
	}
	if n := float64(len(tested)); n > 0 && least > alpha/n {
		c.Notes = append(c.Notes, fmt.Sprintf(
			"so few engine processes cannot show that a time got worse: the least p that they can have is %.2g, and with %d figures it must be below %.2g",
			least, len(tested), alpha/n))
	}
}

// reach returns the least p that the U test can give for samples of these sizes
// without ties: all of one side below all of the other.
func reach(n1, n2 int) float64 {
	p := 2.0
	for i := 1; i <= n1; i++ {
		p *= float64(i) / float64(n2+i)
	}
	return min(p, 1)
}

// columns returns the units of all metrics as benchfmt reads them.
func columns() []string {
	var all []string
	for _, m := range metric.All() {
		for _, u := range m.Units() {
			_, tidy := benchunit.Tidy(1, u)
			all = append(all, tidy)
		}
	}
	return all
}

// strangers returns the units that belong to no metric: those of another
// version of the table, or of another program.
func strangers(sides ...*revision) []string {
	known := map[string]bool{}
	for _, u := range columns() {
		known[u] = true
	}
	var all []string
	for _, s := range sides {
		for c := range s.cells {
			if !known[c.unit] && !slices.Contains(all, c.unit) {
				all = append(all, c.unit)
			}
		}
	}
	slices.Sort(all)
	return all
}
