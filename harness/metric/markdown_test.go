package metric

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the table of metrics into results/README.md")

const (
	tableBegin = "<!-- from harness/metric/table.go, by go generate ./harness/metric -->\n"
	tableEnd   = "<!-- end -->\n"
)

func TestTheReadmeHasTheTableOfMetrics(t *testing.T) {
	file := filepath.Join("..", "..", "results", "README.md")
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	text := string(content)
	before, rest, ok := strings.Cut(text, tableBegin)
	require.True(t, ok, "%s has no line %s", file, tableBegin)
	_, after, ok := strings.Cut(rest, tableEnd)
	require.True(t, ok, "%s has no line %s", file, tableEnd)
	var b bytes.Buffer
	b.WriteString(before + tableBegin)
	require.NoError(t, WriteTable(&b))
	b.WriteString(tableEnd + after)
	if *update {
		require.NoError(t, os.WriteFile(file, b.Bytes(), 0o644))
		return
	}
	require.Equal(t, text, b.String(), "go generate ./harness/metric writes it")
}
