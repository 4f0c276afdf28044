package report

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"chronus/harness/oracle"
)

// WriteTable writes the table that a person reads at a glance, and below it what failed and how to repeat it.
func WriteTable(w io.Writer, s *Summary) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(columns, "\t"))
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
	}
	for _, f := range s.Failures {
		fmt.Fprintf(&b, "\n%s: %s is %s, at most %s\n", f.Scenario, f.Assertion, number(f.Count), number(f.Limit))
		for _, d := range f.Detail {
			fmt.Fprintf(&b, "    %s\n", d)
		}
		for _, dir := range f.Kept {
			fmt.Fprintf(&b, "    kept: %s\n", dir)
		}
		fmt.Fprintf(&b, "    repeat: %s\n", f.Repeat)
	}
	fmt.Fprintf(&b, "\n%s in %s, seed %d\n", strings.ToUpper(string(s.Verdict)), time.Duration(s.Seconds*1e9).Round(time.Second), s.Seed)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

var columns = []string{
	"scenario", "cycles", "lost", "wrong", "disagree", "detect p50", "(x floor)", "failover p50", "promote p50", "mend p50",
	"verdict", "cycles that lost frames",
}

func row(r *Result) []string {
	p50 := func(name string) float64 { return Quantile(r.Samples(name), 0.5) }
	ratio := "-"
	if x := p50(Detect) / p50(FloorPidfd); !math.IsNaN(x) {
		ratio = fmt.Sprintf("%.2f", x)
	}
	return []string{
		r.Scenario, fmt.Sprint(r.Cycles),
		number(r.total(LostFrames)), number(r.total(oracle.WrongFrames)), number(r.total(oracle.ReplicasDisagree)),
		millis(p50(Detect)), ratio, millis(p50(Failover)), millis(p50(Promote)), millis(p50(Mend)),
		string(r.Verdict), r.Bound,
	}
}

func number(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

func millis(ns float64) string {
	if math.IsNaN(ns) {
		return "-"
	}
	return fmt.Sprintf("%.2f ms", ns/1e6)
}
