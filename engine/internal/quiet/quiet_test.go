//go:build linux

package quiet

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEnvironmentIsTheUsersWithoutWhatIsOurs(t *testing.T) {
	user := []string{
		"PATH=/bin", "GODEBUG=gctrace=1", "GOGC=20", "PULSE_SERVER=unix:/x", "GOMEMLIMIT=9MiB", "GOMAXPROCS=1",
		"CHRONUS_PULSE_SERVER=theirs", "CHRONUS_VERBOSE=1", "GOTRACEBACK=crash", "PULSE_SINK=a=b", "=odd", "EMPTY=",
	}
	before := append([]string(nil), user...)
	got := Environ(user, []string{"CHRONUS_PULSE_SERVER=ours", "PULSE_SINK=mine"})
	require.Equal(t, []string{
		"PATH=/bin", "PULSE_SERVER=unix:/x", "=odd", "EMPTY=", "CHRONUS_PULSE_SERVER=ours", "PULSE_SINK=mine",
		"GOGC=off", "GOMEMLIMIT=1GiB", "GODEBUG=asyncpreemptoff=1", "GOMAXPROCS=4", "GOTRACEBACK=single",
	}, got)
	require.Equal(t, before, user, "the user's stays as it was")
}

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
