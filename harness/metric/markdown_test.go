package metric

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/rig/document"
)

func TestTheReadmeHasTheTableOfMetrics(t *testing.T) {
	var table bytes.Buffer
	require.NoError(t, WriteTable(&table))
	document.Table(t, "../../results/README.md", "harness/metric/table.go, by go generate ./harness/metric", table.String())
}
