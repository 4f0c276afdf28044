package worker

import (
	"fmt"
	"math"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"chronus/engine/clock"
	"chronus/engine/internal/shm"
)

func TestSigtermGivesTheNoticeAndWakesItsWaiters(t *testing.T) {
	defer func() { // the runtime's handler again
		signal.Notify(make(chan os.Signal, 1), unix.SIGTERM)
		signal.Reset(unix.SIGTERM)
	}()
	geo, err := shm.NewGeometry(44100, 256, 1, 3, 2, 2, 1, false)
	require.NoError(t, err)
	own := shm.ScratchRing(geo)
	require.NoError(t, onTerm(own))
	for range 20 { // whatever the thread that takes the signal is doing
		own.Leave.Store(0)
		woken := sleeper(t, own)
		before := clock.Now()
		require.NoError(t, unix.Kill(os.Getpid(), unix.SIGTERM))
		select {
		case <-woken:
		case <-time.After(20 * time.Second):
			t.Fatal("the sleeper was not woken")
		}
		require.GreaterOrEqual(t, own.LeaveNS.Load(), before)
		require.LessOrEqual(t, own.LeaveNS.Load(), clock.Now())
	}
}

// sleeper starts a thread that sleeps until it is woken for the notice, and
// returns when it sleeps. The thread blocks all signals: after one, SIGTERM or
// the runtime's own, it would read the word without having been woken.
func sleeper(t *testing.T, own *shm.Ring) (woken <-chan struct{}) {
	tid, over := make(chan int), make(chan struct{})
	go func() {
		defer close(over)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		all := unix.Sigset_t{Val: [16]uint64{math.MaxUint64}}
		if err := unix.PthreadSigmask(unix.SIG_BLOCK, &all, nil); err != nil {
			panic(err)
		}
		tid <- unix.Gettid()
		for own.Leave.Load() == 0 {
			shm.Wait(&own.Leave, 0, -1)
		}
	}()
	path := fmt.Sprintf("/proc/self/task/%d/syscall", <-tid)
	asleep := fmt.Sprintf("%d %p ", unix.SYS_FUTEX, &own.Leave)
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(path)
		return err == nil && strings.HasPrefix(string(text), asleep)
	}, 20*time.Second, time.Millisecond)
	return over
}
