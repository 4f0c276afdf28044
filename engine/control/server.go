package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"chronus/engine/clock"
)

const (
	maxStreams = 64 // each may queue about a megabyte
	// closeGrace is how long the streams may take to write their last events:
	// the engine ends within a second.
	closeGrace = 400 * time.Millisecond
	// dropGrace is how long a reader that was too slow may take to read what is
	// left and the line that reports it.
	dropGrace    = 5 * time.Second
	headerWithin = 5 * time.Second
	idleWithin   = 30 * time.Second
)

// Server answers on the control socket.
//
//	GET /status          the Status, one JSON object and a newline
//	GET /events          events from now on, one JSON object per line
//	GET /events?since=T  before them the kept events with t_ns >= T; 0: all
//	GET /metrics         the Status for Prometheus
//	GET /debug/pprof/    profiles of the host
//
// A stream of events ends when the engine stops.
type Server struct {
	path    string
	socket  *socket
	mux     *http.ServeMux
	http    *http.Server
	streams atomic.Int32
	closing chan struct{}
	close   func() error
}

// Listen binds the control socket, mode 0600. It takes over a dead engine's
// socket and leaves alone a live engine's, and anything that is not a socket.
// The directory must exist, except that of DefaultPath, which Listen makes with
// mode 0700. The error is one line that names the path. Clients may connect
// from here on; they wait for Serve.
func Listen(path string) (*Server, error) {
	l, err := listenSocket(path)
	if err != nil {
		return nil, err
	}
	s := &Server{path: path, socket: l, mux: http.NewServeMux(), closing: make(chan struct{})}
	s.http = &http.Server{Handler: s.mux, ReadHeaderTimeout: headerWithin, IdleTimeout: idleWithin}
	s.profiles()
	s.close = sync.OnceValue(s.shut)
	return s, nil
}

// Path returns the path as given to Listen.
func (s *Server) Path() string { return s.path }

// Handle adds a page. The pattern, such as "GET /failpoints", is as for
// http.ServeMux.
func (s *Server) Handle(pattern string, h http.Handler) { s.mux.Handle(pattern, h) }

// Serve answers until Close, and then returns nil. It calls status for each
// request, possibly from several goroutines at once. Call it once.
func (s *Server) Serve(status func() Status, hub *Hub) error {
	s.mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { writeStatus(w, status()) })
	s.mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) { s.stream(w, r, hub) })
	s.mux.Handle("GET /metrics", metrics(status))
	if err := s.http.Serve(s.socket); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close removes the socket, lets the streams write what was published before
// the call, and ends everything within little more than a second. It may be
// called more than once and without Serve.
func (s *Server) Close() error { return s.close() }

// Remove removes the socket's file and nothing else. It is for a process that
// is about to exit without Close.
func (s *Server) Remove() error { return s.socket.remove() }

func (s *Server) shut() error {
	err := s.socket.remove()
	close(s.closing)
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace+closeGrace/2)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
	s.socket.Close() // again, for a server that never served
	s.socket.dir.Close()
	return err
}

func writeStatus(w http.ResponseWriter, st Status) {
	if st.Workers == nil {
		st.Workers = []Worker{} // a client parses a list, even an empty one
	}
	body, err := json.Marshal(st)
	if err != nil { // a NaN
		http.Error(w, "control: status: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n'))
}

func (s *Server) stream(w http.ResponseWriter, r *http.Request, hub *Hub) {
	since := Live
	if q := r.URL.Query(); q.Has("since") {
		var err error
		if since, err = strconv.ParseInt(q.Get("since"), 10, 64); err != nil {
			http.Error(w, "control: events: since must be a time in ns, or 0", http.StatusBadRequest)
			return
		}
	}
	if s.streams.Add(1) > maxStreams {
		s.streams.Add(-1)
		http.Error(w, "control: events: too many readers", http.StatusServiceUnavailable)
		return
	}
	defer s.streams.Add(-1)

	// The subscription precedes the header: a reader that has seen the header
	// misses nothing.
	sub := hub.Subscribe(since)
	defer sub.Close()
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	if out.Flush() != nil {
		return
	}

	done := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() { s.watch(r.Context(), sub, out, done) })
	defer watch.Wait() // out must not be touched after the return
	defer close(done)

	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	last := Event{}
	for ev := range sub.C {
		if enc.Encode(ev) != nil || len(sub.C) == 0 && out.Flush() != nil {
			return
		}
		last = ev
	}
	select {
	case <-sub.Dropped():
		_ = enc.Encode(Event{
			TNS: clock.Now(), Block: last.Block, Kind: EventsDropped, Slot: -1,
			Cause: "reader too slow: " + strconv.Itoa(queued) + " events were waiting",
		})
	default:
	}
}

// watch ends a subscription when its reader or the server goes, and makes sure
// that a reader that does not read cannot block the stream's goroutine in a
// write.
func (s *Server) watch(
	ctx context.Context, sub *Subscription, out *http.ResponseController, done <-chan struct{},
) {
	grace := closeGrace
	select {
	case <-done:
		return
	case <-ctx.Done():
	case <-s.closing:
	case <-sub.Dropped():
		grace = dropGrace
	}
	sub.Close()
	_ = out.SetWriteDeadline(time.Now().Add(grace))
}
