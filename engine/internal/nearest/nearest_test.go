package nearest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"same", "same", 0},
		{"kitten", "sitting", 3},
		{"step", "steps", 1},
		{"fliter1", "filter1", 2},
	} {
		require.Equal(t, c.want, distance(c.a, c.b), "%s %s", c.a, c.b)
		require.Equal(t, c.want, distance(c.b, c.a), "%s %s", c.b, c.a)
	}
}

func TestListBeginsWithTheNearest(t *testing.T) {
	require.Equal(t, "sine1, sine2, adsr1", List("sin1", []string{"adsr1", "sine2", "sine1"}))
	require.Equal(t, "a, b", List("c", []string{"a", "b"}), "the order of equals stays")
	require.Empty(t, List("x", nil))
	long := make([]string, 1000)
	for i := range long {
		long[i] = "m" + strings.Repeat("x", i%7)
	}
	long[999] = "sine1"
	got := List("sine", long)
	require.True(t, strings.HasPrefix(got, "sine1, "), got)
	require.True(t, strings.HasSuffix(got, " and 992 more"), got)
}
