// Package document keeps the tables of the documentation equal to the code that
// they describe. A test gives it a table; with the flag -update, which go
// generate sets, it writes the table instead. Only tests import it.
package document

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the table into its document")

const end = "<!-- end -->\n"

// Table compares a table with the lines of a file between the comment
// "<!-- from ... -->" and the next "<!-- end -->". from is the rest of the
// first comment: the table's source and the command that writes it.
func Table(t *testing.T, file, from, table string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	begin := "<!-- from " + from + " -->\n"
	before, rest, ok := strings.Cut(string(text), begin)
	require.True(t, ok, "%s has no line %s", file, begin)
	have, after, ok := strings.Cut(rest, end)
	require.True(t, ok, "%s has no line %s after %s", file, end, begin)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(before+begin+table+end+after), 0o644))
		return
	}
	require.Equal(t, table, have, "the table in %s is out of date; run go generate ./...", file)
}
