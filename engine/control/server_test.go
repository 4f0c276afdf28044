package control

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// request sends a GET over a connection of its own, and returns that and the
// response, of which it has read the header.
func request(t *testing.T, path, url string) (*http.Response, net.Conn) {
	t.Helper()
	c, err := net.Dial("unix", path)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: engine\r\n\r\n", url)
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	return resp, c
}

func subscribers(h *Hub) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.subs)
}

// subscribe starts a server that has one reader of its events, and returns that
// reader's response and connection.
func subscribe(t *testing.T) (*Hub, *http.Response, net.Conn) {
	t.Helper()
	path := socketPath(t)
	hub := new(Hub)
	start(t, path, playing, hub)
	resp, c := request(t, path, "/events")
	require.Equal(t, 1, subscribers(hub))
	return hub, resp, c
}

func TestStatusIsOneObjectAndANewline(t *testing.T) {
	path := socketPath(t)
	starting := Status{State: StateStarting, OSC: "127.0.0.1:5005", Sink: "wav:<a&b>"}
	start(t, path, func() Status { return starting }, new(Hub))
	resp, _ := request(t, path, "/status")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, len(body)-1, strings.IndexByte(string(body), '\n'))
	var st map[string]any
	require.NoError(t, json.Unmarshal(body, &st))
	require.Equal(t, "starting", st["state"])
	require.Equal(t, "wav:<a&b>", st["sink"])
	require.Equal(t, []any{}, st["workers"]) // never null
}

func TestStatusThatJSONCannotHoldIsAnErrorAndNotAnEmptyAnswer(t *testing.T) {
	path := socketPath(t)
	start(t, path, func() Status { return Status{DriftPPM: math.NaN()} }, new(Hub))
	_, err := NewClient(path).Status(patient(t))
	require.EqualError(t, err, "control: "+path+": GET /status: 500 Internal Server Error: "+
		"control: status: json: unsupported value: NaN")
}

func TestWrongRequestsAreRefused(t *testing.T) {
	path := socketPath(t)
	s := start(t, path, playing, new(Hub))
	page := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "page") }
	s.Handle("GET /another", http.HandlerFunc(page))
	for _, c := range []struct {
		url  string
		want int
	}{
		{"/", http.StatusNotFound},
		{"/status/x", http.StatusNotFound},
		{"/events?since=yesterday", http.StatusBadRequest},
		{"/another", http.StatusOK},
	} {
		resp, _ := request(t, path, c.url)
		require.Equal(t, c.want, resp.StatusCode, c.url)
	}
}

func TestHeaderComesBeforeTheFirstEventAndEachEventAtOnce(t *testing.T) {
	path := socketPath(t)
	hub := new(Hub)
	hub.Publish(event(1)) // before the subscription
	start(t, path, playing, hub)
	resp, _ := request(t, path, "/events") // returns without any event
	require.Equal(t, http.StatusOK, resp.StatusCode)
	lines := bufio.NewReader(resp.Body)
	for n := 2; n < 5; n++ {
		hub.Publish(event(n))
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		want := fmt.Sprintf(`{"t_ns":%d,"block":%d,"kind":"switched","slot":%d}`+"\n", n, n, n)
		require.Equal(t, want, line)
	}
}

func TestReplayThenLive(t *testing.T) {
	path := socketPath(t)
	hub := new(Hub)
	for n := range kept + 5 {
		hub.Publish(event(n))
	}
	start(t, path, playing, hub)
	resp, _ := request(t, path, "/events?since=0")
	hub.Publish(event(kept + 5))
	dec := json.NewDecoder(resp.Body)
	for n := 5; n < kept+6; n++ {
		var ev Event
		require.NoError(t, dec.Decode(&ev))
		require.Equal(t, event(n), ev)
	}
}

func TestSlowReaderLosesItsStreamAndLearnsIt(t *testing.T) {
	hub, resp, _ := subscribe(t)
	n := 0
	for ; subscribers(hub) > 0; n++ { // Publish returns although the client does not read
		hub.Publish(event(n))
	}
	require.Greater(t, n, queued)
	var last Event
	dec := json.NewDecoder(resp.Body)
	got := 0
	for ; ; got++ {
		var ev Event
		if err := dec.Decode(&ev); err != nil {
			require.ErrorIs(t, err, io.EOF) // an orderly end
			break
		}
		if last = ev; ev.Kind != EventsDropped {
			require.EqualValues(t, got, ev.TNS) // no gap before the end
		}
	}
	require.Equal(t, EventsDropped, last.Kind)
	require.Equal(t, -1, last.Slot)
	require.Contains(t, last.Cause, "too slow")
	require.Equal(t, n, got) // all except the one that did not fit, plus the last line
}

func TestStreamEndsAfterTheLastEventWhenTheServerCloses(t *testing.T) {
	path := socketPath(t)
	hub := new(Hub)
	s := start(t, path, playing, hub)
	resp, _ := request(t, path, "/events")
	for n := range 1000 {
		hub.Publish(event(n))
	}
	hub.Publish(Event{Kind: EngineStopped, Slot: -1})
	done := make(chan error)
	go func() { done <- s.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, <-done)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	require.Len(t, lines, 1001)
	require.Contains(t, lines[1000], EngineStopped)
	require.NoFileExists(t, path)
}

func TestReaderThatDoesNotReadCannotHoldTheServerOpen(t *testing.T) {
	path := socketPath(t)
	hub := new(Hub)
	s := start(t, path, playing, hub)
	_, _ = request(t, path, "/events")
	silent, err := net.Dial("unix", path) // sends no request
	require.NoError(t, err)
	defer silent.Close()
	for n := range queued {
		hub.Publish(event(n))
	}
	require.NoError(t, s.Close())
	require.Zero(t, subscribers(hub))
}

func TestSubscriptionEndsWithItsReader(t *testing.T) {
	hub, _, c := subscribe(t)
	require.NoError(t, c.Close())
	require.Eventually(t, func() bool { return subscribers(hub) == 0 }, patience, time.Millisecond)
}

func TestNumberOfReadersIsBounded(t *testing.T) {
	path := socketPath(t)
	start(t, path, playing, new(Hub))
	for range maxStreams {
		resp, _ := request(t, path, "/events")
		require.Equal(t, http.StatusOK, resp.StatusCode)
	}
	resp, _ := request(t, path, "/events")
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
}

func TestCloseBeforeServe(t *testing.T) {
	path := socketPath(t)
	s, err := Listen(path)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, s.Serve(playing, new(Hub)))
	require.NoFileExists(t, path)
}
