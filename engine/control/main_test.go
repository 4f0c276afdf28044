package control

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen. It times nothing.
const patience = 30 * time.Second

// socketPath returns a path in a directory with a short name: those of
// t.TempDir are too long for a socket.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctl")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// start serves status and hub at path until the test ends.
func start(t *testing.T, path string, status func() Status, hub *Hub) *Server {
	t.Helper()
	s, err := Listen(path)
	require.NoError(t, err)
	var done sync.WaitGroup
	done.Go(func() {
		if err := s.Serve(status, hub); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		done.Wait()
	})
	return s
}

func playing() Status { return Status{State: StatePlaying, PID: os.Getpid()} }

// dead leaves at path what a killed engine leaves there.
func dead(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	l.SetUnlinkOnClose(false)
	require.NoError(t, l.Close())
}

func event(n int) Event { return Event{TNS: int64(n), Block: uint64(n), Kind: Switched, Slot: n % 5} }
