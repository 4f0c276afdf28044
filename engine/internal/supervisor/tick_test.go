package supervisor

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chronus/engine/control"
	"chronus/engine/internal/process"
	"chronus/engine/internal/shm"
	"chronus/engine/sink"
)

// unstartedSupervisor returns a supervisor with regions and no processes, and
// the kinds of the events that it publishes.
func unstartedSupervisor(t *testing.T) (*Supervisor, *[]string) {
	t.Helper()
	geo, err := shm.NewGeometry(44100, 256, 1, 3, 2, 2, 8, false)
	require.NoError(t, err)
	pool, err := NewPool(geo, shm.NewStamp(7), []byte("program"))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	var kinds []string
	spec, err := sink.Parse("clock")
	require.NoError(t, err)
	return New(Config{
		Pool: pool, Sink: spec, Spares: 2, Log: slog.New(slog.DiscardHandler),
		Publish: func(e control.Event) { kinds = append(kinds, e.Kind) },
	}), &kinds
}

func TestTimeInWhichTheHostWasStoppedIsNotHeldAgainstAWorker(t *testing.T) {
	s, kinds := unstartedSupervisor(t)
	s.slots[0] = slot{Info: process.Info{State: process.Starting, Generation: 1}}
	for range 10 {
		s.tick(time.Now(), startLimit+time.Second) // as after a SIGSTOP of the host
	}
	require.Empty(t, *kinds)
	for range int(startLimit / tickEvery) {
		s.tick(time.Now(), tickEvery)
	}
	require.Equal(t, []string{control.WorkerHung}, *kinds, "once it was watched for that long")
	require.True(t, s.slots[0].Hung)
}

func TestTimeInWhichTheHostWasStoppedIsNotHeldAgainstADyingWorker(t *testing.T) {
	s, kinds := unstartedSupervisor(t)
	s.slots[0] = slot{Info: process.Info{State: process.Down, Generation: 1}}
	s.tick(time.Now(), time.Minute)
	require.Empty(t, *kinds, "its wait status has not been read yet")
	for range int(reapLimit/tickEvery) + 1 {
		s.tick(time.Now(), tickEvery)
	}
	require.Equal(t, []string{control.WorkerDown}, *kinds)
}
