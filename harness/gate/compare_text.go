package gate

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"golang.org/x/perf/benchunit"
)

// WriteText writes a comparison as benchstat does, one table per unit, and
// below them what fails. Units that are 0 everywhere share one line.
func (c *Comparison) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "old: %s\nnew: %s\n", c.Old, c.New)
	config := ""
	var zeros []string
	for i := 0; i < len(c.Changes); {
		n := i + 1
		for n < len(c.Changes) && c.Changes[n].Unit == c.Changes[i].Unit {
			n++
		}
		table := c.Changes[i:n]
		i = n
		if allZero(table) {
			zeros = append(zeros, table[0].Unit)
			continue
		}
		if table[0].Config != config {
			config = table[0].Config
			fmt.Fprintf(&b, "%s\n", config)
		}
		b.WriteString("\n")
		writeTable(&b, table)
	}
	if len(zeros) > 0 {
		fmt.Fprintf(&b, "\n0 in every engine process on both sides: %s\n", strings.Join(zeros, ", "))
	}
	for _, n := range c.Notes {
		fmt.Fprintf(&b, "\nnote: %s\n", n)
	}
	b.WriteString("\n")
	for _, f := range c.Failures {
		fmt.Fprintf(&b, "%s\n", f)
	}
	if len(c.Failures) == 0 {
		b.WriteString("PASS: nothing is worse beyond what is allowed\n")
	} else {
		b.WriteString("FAIL\n")
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("compare: %w", err)
	}
	return nil
}

func allZero(table []Change) bool {
	for _, ch := range table {
		if !ch.Zero {
			return false
		}
	}
	return true
}

func writeTable(w io.Writer, table []Change) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s\told\tnew\tvs old\n", table[0].Unit)
	for _, ch := range table {
		fmt.Fprintf(t, "%s\t%s ± %s\t%s ± %s\t%s (%s)%s\n", ch.Row,
			ch.text(ch.Old.Center), ch.Old.PctRangeString(), ch.text(ch.New.Center), ch.New.PctRangeString(),
			ch.Test.FormatDelta(ch.Old.Center, ch.New.Center), ch.Test, ch.Verdict)
	}
	t.Flush() // into memory
}

// text returns a value as benchstat writes it, in a scale that both sides
// share.
func (ch *Change) text(v float64) string {
	return benchunit.CommonScale([]float64{ch.Old.Center, ch.New.Center}, benchunit.ClassOf(ch.Unit)).Format(v)
}
