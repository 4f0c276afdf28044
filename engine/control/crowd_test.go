package control

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestConnectionsThatSayNothingMakeRoom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	s, err := Listen(path)
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(func() Status { return Status{State: StatePlaying} }, new(Hub)) }()
	defer func() {
		require.NoError(t, s.Close())
		require.NoError(t, <-served)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()

	client := NewClient(path)
	stream, err := client.Events(ctx, false) // busy: it stays
	require.NoError(t, err)
	defer stream.Close()
	var silent []net.Conn
	for range 3 * mostConnections {
		c, err := net.Dial("unix", path)
		require.NoError(t, err)
		defer c.Close()
		silent = append(silent, c)
	}
	_, err = client.Status(ctx)
	require.NoError(t, err)
	require.NoError(t, silent[0].SetReadDeadline(time.Now().Add(15*time.Second)))
	_, err = silent[0].Read(make([]byte, 1))
	require.ErrorContains(t, err, "EOF", "the oldest was closed")
	require.NoError(t, silent[len(silent)-1].SetReadDeadline(time.Now().Add(time.Millisecond)))
	_, err = silent[len(silent)-1].Read(make([]byte, 1))
	require.ErrorContains(t, err, "timeout", "the newest is still open")
}

func TestCrowdWithoutAnIdleConnectionTurnsTheNewestAway(t *testing.T) {
	c := newCrowd(2)
	var ours, theirs [3]net.Conn
	for i := range ours {
		ours[i], theirs[i] = net.Pipe()
		c.changed(ours[i], http.StateNew)
		if i < 2 {
			c.changed(ours[i], http.StateActive)
		}
	}
	require.Len(t, c.open, 2)
	_, err := theirs[2].Read(make([]byte, 1))
	require.Error(t, err)
	c.changed(ours[0], http.StateClosed)
	require.Len(t, c.open, 1)
}
