package target

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const metricsPage = `# HELP go_gc_duration_seconds A summary
# TYPE go_gc_duration_seconds summary
go_gc_duration_seconds{quantile="0.75"} 7e-05
go_gc_duration_seconds{quantile="1"} 0.00012
go_gc_duration_seconds_sum 0.001
go_gc_duration_seconds_count 14
# TYPE go_memstats_mallocs_total counter
go_memstats_mallocs_total 1.5e+06
`

func TestParseRuntime(t *testing.T) {
	r, err := parseRuntime([]byte(metricsPage))
	require.NoError(t, err)
	require.Equal(t, &Runtime{Mallocs: 1.5e6, Pauses: 14, LongestPause: 0.00012}, r)
	for _, bad := range []string{
		"", metricsPage[:200],
		"go_memstats_mallocs_total NaN\n" + metricsPage,
		"go_memstats_mallocs_total \n" + metricsPage,
	} {
		_, err := parseRuntime([]byte(bad))
		require.ErrorContains(t, err, "target: metrics: ")
	}
}

func FuzzParseRuntime(f *testing.F) {
	f.Add([]byte(metricsPage))
	f.Fuzz(func(t *testing.T, text []byte) {
		if r, err := parseRuntime(text); err == nil && !(r.Mallocs >= 0 && r.Pauses >= 0 && r.LongestPause >= 0) {
			t.Fatalf("accepted %+v", r)
		}
	})
}
