package control

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClientReadsTheWholeStatus(t *testing.T) {
	path := socketPath(t)
	want := Status{
		State: StatePlaying, Rate: 44100, Frames: 256, Block: 1 << 60,
		Workers:  []Worker{{Role: RolePrimary, PID: 71, CPU: -1}},
		DriftPPM: 0.25, Player: Player{PID: 70, Sched: "fifo"}, Patch: "sine",
	}
	start(t, path, func() Status { return want }, new(Hub))
	got, err := NewClient(path).Status(patient(t))
	require.NoError(t, err)
	require.Equal(t, want, *got)
}

func TestNoEngineIsOneClearLine(t *testing.T) {
	gone := socketPath(t)
	killed := socketPath(t)
	dead(t, killed)
	file := socketPath(t)
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, path := range []string{gone, killed, file, gone + "/no/dir", file + "/below"} {
		_, err := NewClient(path).Status(patient(t))
		require.EqualError(t, err, "no engine at "+path)
		require.ErrorIs(t, err, ErrNoEngine)
		_, err = NewClient(path).Events(patient(t), true)
		require.EqualError(t, err, "no engine at "+path)
	}
	long := "/tmp/" + strings.Repeat("x", 200)
	_, err := NewClient(long).Status(patient(t))
	require.EqualError(t, err, "control: "+long+": the path has 205 bytes, a socket's may have 107")
}

func TestClientSeesEveryEventFromItsSubscriptionToTheEnd(t *testing.T) {
	path := socketPath(t)
	hub := new(Hub)
	s := start(t, path, playing, hub)
	hub.Publish(event(0))
	live, err := NewClient(path).Events(patient(t), false)
	require.NoError(t, err)
	defer live.Close()
	hub.Publish(event(1))
	all, err := NewClient(path).Events(patient(t), true)
	require.NoError(t, err)
	defer all.Close()
	hub.Publish(event(2))
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	for want, stream := range map[int]*Stream{1: live, 0: all} {
		for ev := range stream.C {
			require.Equal(t, event(want), ev)
			want++
		}
		require.Equal(t, 3, want)
		require.NoError(t, stream.Err())
	}
	require.NoError(t, <-closed)
}

// follow starts a server and a stream of the events published from then on.
func follow(t *testing.T) (*Hub, *Stream) {
	t.Helper()
	path := socketPath(t)
	hub := new(Hub)
	start(t, path, playing, hub)
	s, err := NewClient(path).Events(patient(t), false)
	require.NoError(t, err)
	return hub, s
}

func TestClosingAStreamIsNotAnError(t *testing.T) {
	hub, s := follow(t)
	hub.Publish(event(1)) // waits in the stream
	s.Close()
	s.Close()
	require.NoError(t, s.Err())
}

func TestContextEndsAStream(t *testing.T) {
	path := socketPath(t)
	start(t, path, playing, new(Hub))
	ctx, cancel := context.WithCancel(patient(t))
	s, err := NewClient(path).Events(ctx, false)
	require.NoError(t, err)
	defer s.Close()
	cancel()
	for range s.C {
		t.Fatal("an event that was never published")
	}
	require.ErrorIs(t, s.Err(), context.Canceled)
	require.ErrorContains(t, s.Err(), path)
}

func TestClientLearnsThatItWasTooSlow(t *testing.T) {
	hub, s := follow(t)
	defer s.Close()
	for n := 0; subscribers(hub) > 0; n++ {
		hub.Publish(event(n))
	}
	var last Event
	for last = range s.C {
	}
	require.Equal(t, EventsDropped, last.Kind)
	require.ErrorIs(t, s.Err(), ErrDropped)
}

// fake answers the first connection at a new path with a text and closes it.
func fake(t *testing.T, answer string) string {
	t.Helper()
	path := socketPath(t)
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = c.Read(make([]byte, 4096))
		fmt.Fprint(c, answer)
	}()
	return path
}

func TestEngineThatDiesInTheMiddle(t *testing.T) {
	path := fake(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+
		"1c\r\n"+`{"t_ns":7,"kind":"switched"}`+"\r\n")
	s, err := NewClient(path).Events(patient(t), false)
	require.NoError(t, err)
	defer s.Close()
	require.EqualValues(t, 7, (<-s.C).TNS)
	for range s.C {
		t.Fatal("an event that was never published")
	}
	require.EqualError(t, s.Err(), "control: "+path+": the engine went away in the middle of its answer")
	require.ErrorIs(t, s.Err(), ErrGone)

	path = fake(t, "")
	_, err = NewClient(path).Status(patient(t))
	require.ErrorIs(t, err, ErrGone)
}

func TestAnotherServerIsNotAnEngine(t *testing.T) {
	path := fake(t, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>")
	_, err := NewClient(path).Status(patient(t))
	require.ErrorContains(t, err, "control: "+path+": not an engine's status: ")

	path = fake(t, "HTTP/1.1 404 Not Found\r\nContent-Length: 12\r\n\r\nnot\nto be so")
	_, err = NewClient(path).Events(patient(t), false)
	require.EqualError(t, err, "control: "+path+": GET /events: 404 Not Found: not")
}
