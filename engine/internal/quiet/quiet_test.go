package quiet

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSkipExcludesWhatWasCollected(t *testing.T) {
	var a Allocs
	runtime.GC()
	a.Skip() // before the first reading, too
	a.Read()
	require.Zero(t, a.Collections())
	runtime.GC()
	a.Read()
	require.EqualValues(t, 1, a.Collections())
	runtime.GC()
	a.Skip()
	a.Read()
	require.EqualValues(t, 1, a.Collections())
	runtime.GC()
	a.Read()
	require.EqualValues(t, 2, a.Collections())
}
