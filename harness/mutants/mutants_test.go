package mutants

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/harness/metric"
	"chronus/harness/scenario"
)

func TestEveryMutantStillFitsTheSource(t *testing.T) {
	for _, m := range All {
		_, err := m.overlay("../..", t.TempDir())
		require.NoError(t, err)
	}
}

func TestEveryMutantNamesAScenarioAndAnAssertionThatExist(t *testing.T) {
	all, err := scenario.All()
	require.NoError(t, err)
	names := map[string]bool{}
	for _, s := range all {
		names[s.Name] = true
	}
	for _, m := range All {
		require.True(t, names[m.Scenario], "%s: no scenario %s", m.Name, m.Scenario)
		found := false
		for _, row := range metric.All() {
			found = found || row.Name == m.Assertion && row.Judged()
		}
		require.True(t, found, "%s: no assertion %s", m.Name, m.Assertion)
	}
}

func TestEditThatDoesNotMatchOnceIsAnError(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "a.go"), []byte("one two two"), 0o644))
	for old, says := range map[string]string{"two": "2 times", "three": "0 times"} {
		m := Mutant{Name: "x", Edits: []Edit{{"a.go", old, "y"}}}
		_, err := m.overlay(root, t.TempDir())
		require.ErrorContains(t, err, says)
	}
	dir := t.TempDir()
	m := Mutant{Name: "x", Edits: []Edit{{"a.go", "one", "1"}, {"a.go", "1 two", "3"}}}
	_, err := m.overlay(root, dir)
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(dir, "1-a.go"))
	require.NoError(t, err)
	require.Equal(t, "3 two", string(text), "the second edit is made in what the first left")
}
