package report

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"chronus/engine/quantile"
	"chronus/harness/metric"
	"chronus/harness/oracle"
)

// glance lists the metrics that the terminal table and the page show for each
// scenario, and their headings there.
var glance = []struct{ name, heading string }{
	{metric.LostFrames, "lost"},
	{oracle.WrongFrames, "wrong"},
	{oracle.ReplicasDisagree, "disagree"},
	{metric.Detect, "detect p50"},
	{metric.Failover, "failover p50"},
	{metric.Promote, "promote p50"},
	{metric.Mend, "mend p50"},
}

// WriteTable writes the table that a person reads at a glance, and below it
// what failed and how to repeat it.
func WriteTable(w io.Writer, s *Summary) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(headings(), "\t"))
	for i := range s.Scenarios {
		fmt.Fprintln(t, strings.Join(row(&s.Scenarios[i]), "\t"))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	var b strings.Builder
	for _, r := range s.Scenarios {
		if r.Why != "" {
			fmt.Fprintf(&b, "\n%s: %s: %s\n", r.Scenario, r.Verdict, r.Why)
		}
		if r.Reached != "" {
			fmt.Fprintf(&b, "\n%s: the time was up: %s\n", r.Scenario, r.Reached)
		}
	}
	for _, f := range s.Failures {
		fmt.Fprintf(&b, "\n%s: %s\n", f.Scenario, f)
		for _, d := range f.Detail {
			fmt.Fprintf(&b, "    %s\n", d)
		}
		for _, dir := range f.Kept {
			fmt.Fprintf(&b, "    kept: %s\n", dir)
		}
		fmt.Fprintf(&b, "    repeat: %s\n", f.Repeat)
	}
	took := time.Duration(s.Seconds * 1e9).Round(time.Second)
	fmt.Fprintf(&b, "\n%s in %s, seed %d%s\n", strings.ToUpper(string(s.Verdict)), took, s.Seed, s.Sizes())
	if s.Why != "" {
		fmt.Fprintf(&b, "%s\n", s.Why)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// Sizes returns how many scenarios ended in each way; empty if all ended in the
// same way.
func (s *Summary) Sizes() string {
	n := map[Verdict]int{}
	for _, r := range s.Scenarios {
		n[r.Verdict]++
	}
	if len(n) < 2 {
		return ""
	}
	var parts []string
	for _, v := range []Verdict{Pass, Fail, InvalidHost, NoVerdict, NotRun} {
		if n[v] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[v], v))
		}
	}
	return ": " + strings.Join(parts, ", ")
}

func headings() []string {
	all := []string{"scenario", "cycles"}
	for _, g := range glance {
		all = append(all, g.heading)
		if g.name == metric.Detect {
			all = append(all, "(x floor)")
		}
	}
	return append(all, "verdict", "cycles that lost frames")
}

func row(r *Result) []string {
	cells := []string{r.Scenario, fmt.Sprint(r.Cycles)}
	p50 := func(name string) float64 { return quantile.Of(r.Samples(name), 0.5) }
	for _, g := range glance {
		m, _ := metric.Lookup(g.name)
		switch {
		case r.Verdict == NotRun:
			cells = append(cells, "-")
		case m.Unit == "":
			cells = append(cells, m.Text(r.total(m.Name)))
		default:
			cells = append(cells, m.Text(p50(m.Name)))
		}
		if m.Name == metric.Detect {
			cells = append(cells, ratio(p50(metric.Detect)/p50(metric.FloorPidfd)))
		}
	}
	return append(cells, string(r.Verdict), r.Bound)
}

func ratio(x float64) string {
	if math.IsNaN(x) {
		return "-"
	}
	return fmt.Sprintf("%.2f", x)
}
