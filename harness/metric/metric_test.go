package metric

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/perf/benchunit"

	"chronus/harness/oracle"
)

func TestParseBudget(t *testing.T) {
	for name, want := range map[string]Budget{
		"detect-p50-ns":         {Detect, Absolute},
		"floor-pidfd-p50-ns":    {FloorPidfd, Absolute},
		"inject-late-p50-sec":   {InjectLate, Absolute},
		"detect-x-floor":        {Detect, TimesFloor},
		"failover-beyond-block": {Failover, BeyondBlock},
	} {
		b, ok := ParseBudget(name)
		require.True(t, ok, name)
		require.Equal(t, want, b)
	}
	for _, name := range []string{"", "detect", "detect-p99-ns", "detect-p50-sec", "lost-frames", "lost-frames-x-floor", "nothing-x-floor"} {
		_, ok := ParseBudget(name)
		require.False(t, ok, name)
	}
}

func TestMetricTable(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range table {
		require.NotEmpty(t, m.Doc, m.Name)
		require.NotEmpty(t, m.Source, m.Name)
		require.Contains(t, []string{"lower", "higher"}, m.Better, m.Name)
		taken := 0
		for _, takes := range []bool{m.Value != nil, m.Sample != nil, m.Series != nil} {
			if takes {
				taken++
			}
		}
		require.Equal(t, m.Found, taken == 0, "%s: what findings do not count is taken from a record", m.Name)
		require.LessOrEqual(t, taken, 1, m.Name)
		require.Equal(t, m.Unit == "", m.Sample == nil && m.Series == nil, m.Name)
		if m.Floor != "" {
			_, ok := Lookup(m.Floor)
			require.True(t, ok, m.Name)
		}
		require.False(t, seen[m.Name], m.Name)
		seen[m.Name] = true
		require.False(t, m.Unit != "" && (m.Judged() || m.Found), "%s: a sampled metric is judged by budgets", m.Name)
		for _, unit := range m.Units() {
			_, tidy := benchunit.Tidy(1, unit)
			require.NotRegexp(t, `(^|-)ns$`, tidy, unit)
			require.NotContains(t, unit, " ")
		}
	}
	for _, a := range []string{oracle.Tape, oracle.Compared, oracle.CommandsOffEdge, oracle.RewoundBlocks, oracle.SealLead} {
		m, ok := Lookup(a)
		require.True(t, ok && m.Judged(), "assertion %s of the oracle", a)
	}
}
