package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"syscall"
)

// Errors of a Client, for errors.Is.
var (
	// ErrNoEngine means that no engine listens; the text is "no engine at
	// PATH".
	ErrNoEngine = errors.New("no engine")
	// ErrDropped means that the reader was too slow and events are missing.
	ErrDropped = errors.New("the engine dropped this reader of events: too slow")
	// ErrGone means that the connection ended in the middle, as when the engine
	// is killed.
	ErrGone = errors.New("the engine went away in the middle of its answer")
)

// maxReply bounds what a client reads as one answer, in bytes. An engine's has
// a few kilobytes.
const maxReply = 4 << 20

// Client talks to the engine at a control socket. It keeps no connection
// between calls.
type Client struct {
	path string
	http http.Client
}

// NewClient returns a client for the socket at path. It opens nothing until it
// is used.
func NewClient(path string) *Client {
	c := &Client{path: path}
	c.http.Transport = &http.Transport{
		DisableKeepAlives:  true,
		DisableCompression: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			address, err := socketAddress(path)
			if err != nil {
				return nil, err
			}
			var d net.Dialer
			return d.DialContext(ctx, "unix", address)
		},
	}
	return c
}

// Status gets /status. An engine whose process is stopped does not answer: give
// ctx a deadline.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	body, err := c.get(ctx, "/status")
	if err != nil {
		return nil, err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, maxReply))
	if err != nil {
		return nil, c.failed(ctx, err)
	}
	st := new(Status)
	if err := json.Unmarshal(text, st); err != nil {
		return nil, fmt.Errorf("control: %s: not an engine's status: %w", c.path, err)
	}
	return st, nil
}

// Events subscribes to the events from now on, preceded by those that the
// engine has kept if replay is set. When it returns without an error, the
// engine has confirmed the subscription, and every event published from then on
// will come. ctx covers the whole stream.
func (c *Client) Events(ctx context.Context, replay bool) (*Stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	url := "/events"
	if replay {
		url += "?since=0"
	}
	body, err := c.get(ctx, url)
	if err != nil {
		cancel()
		return nil, err
	}
	events := make(chan Event)
	s := &Stream{C: events, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		defer cancel()
		defer body.Close()
		s.err = c.read(ctx, body, events)
		if s.closed.Load() && errors.Is(s.err, context.Canceled) {
			s.err = nil
		}
		close(events)
	}()
	return s, nil
}

// read passes the lines of body on as events until it ends.
func (c *Client) read(ctx context.Context, body io.Reader, events chan<- Event) error {
	dec := json.NewDecoder(body)
	dropped := false
	for {
		var ev Event
		switch err := dec.Decode(&ev); {
		case errors.Is(err, io.EOF) && dropped:
			return fmt.Errorf("control: %s: %w", c.path, ErrDropped)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return c.failed(ctx, err)
		}
		dropped = ev.Kind == EventsDropped
		select {
		case events <- ev:
		case <-ctx.Done():
			return c.failed(ctx, ctx.Err())
		}
	}
}

// Stream is a subscription to an engine's events.
type Stream struct {
	// C delivers the events. It is closed at the end of the stream; Err then
	// returns why.
	C <-chan Event

	err    error
	closed atomic.Bool
	cancel context.CancelFunc
	done   chan struct{}
}

// Err returns nil if the engine stopped or Close was called, and otherwise what
// ended the stream. It waits until C is closed.
func (s *Stream) Err() error {
	<-s.done
	return s.err
}

// Close ends the stream. Call it in any case, also after C was closed.
func (s *Stream) Close() {
	s.closed.Store(true)
	s.cancel()
	<-s.done
}

// get returns the body of a successful answer.
func (c *Client) get(ctx context.Context, url string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine"+url, nil)
	if err != nil {
		return nil, fmt.Errorf("control: %s: %w", c.path, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.failed(ctx, err)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 200))
		line, _, _ := bytes.Cut(text, []byte("\n"))
		return nil, fmt.Errorf("control: %s: GET %s: %s: %s", c.path, url, resp.Status, line)
	}
	return resp.Body, nil
}

// isAny reports whether err is one of the targets.
func isAny(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

// failed describes in one line what went wrong between client and engine.
func (c *Client) failed(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("control: %s: no answer: %w", c.path, context.Cause(ctx))
	case isAny(err, syscall.ENOENT, syscall.ENOTDIR, syscall.ECONNREFUSED):
		return fmt.Errorf("%w at %s", ErrNoEngine, c.path)
	case isAny(err, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE):
		return fmt.Errorf("control: %s: %w", c.path, ErrGone)
	}
	if _, invalid := socketAddress(c.path); invalid != nil {
		return invalid
	}
	return fmt.Errorf("control: %s: %w", c.path, cause(err))
}
