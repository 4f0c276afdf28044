package worker

import (
	"os"
	"os/signal"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"chronus/engine/shm"
)

func TestSigtermGivesTheNoticeAndWakesWhoWaitsForIt(t *testing.T) {
	defer func() { // the runtime's handler again
		signal.Notify(make(chan os.Signal, 1), unix.SIGTERM)
		signal.Reset(unix.SIGTERM)
	}()
	geo, err := shm.NewGeometry(44100, 256, 1, 3, 2, 2, 1, false)
	require.NoError(t, err)
	own := shm.ScratchRing(geo)
	require.NoError(t, onTerm(own))
	for range 100 { // whatever the thread is doing that takes it
		own.Leave.Store(0)
		woken := make(chan struct{})
		go func() {
			defer close(woken)
			for own.Leave.Load() == 0 {
				shm.Wait(&own.Leave, 0, -1)
			}
		}()
		before := shm.Now()
		require.NoError(t, unix.Kill(os.Getpid(), unix.SIGTERM))
		select {
		case <-woken:
		case <-time.After(20 * time.Second):
			t.Fatal("nobody was woken")
		}
		require.GreaterOrEqual(t, own.LeaveNS.Load(), before)
		require.LessOrEqual(t, own.LeaveNS.Load(), shm.Now())
	}
}
