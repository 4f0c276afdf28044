package control

import (
	"net"
	"net/http"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	mostConnections  = 128
	leastConnections = 8
	// reserved is how many descriptors are kept for everything but connections:
	// regions and sockets, and what starting a process takes. An engine that
	// cannot start a worker for want of a descriptor must end.
	reserved = 128
)

// maxConnections returns how many connections the process's limit of
// descriptors allows.
func maxConnections() int {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil || l.Cur >= reserved+mostConnections {
		return mostConnections
	}
	return max(int(l.Cur)-reserved, leastConnections)
}

// crowd limits the open connections of a server. A client that connects and
// then says nothing, once or a thousand times, must take neither the engine's
// descriptors nor another client's place.
type crowd struct {
	most int

	mu   sync.Mutex
	open []*visitor // the oldest first
}

type visitor struct {
	conn net.Conn
	busy bool // a request is being read or answered
}

func newCrowd(most int) *crowd { return &crowd{most: most} }

// changed is a http.Server's ConnState. If there are too many connections it
// closes the oldest on which no request is under way, and if there is none, the
// new one.
func (c *crowd) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := slices.IndexFunc(c.open, func(v *visitor) bool { return v.conn == conn })
	switch state {
	case http.StateNew:
		c.open = append(c.open, &visitor{conn: conn})
		if len(c.open) > c.most {
			c.leave(slices.IndexFunc(c.open, func(v *visitor) bool { return !v.busy }))
		}
	case http.StateActive, http.StateIdle:
		if at >= 0 {
			c.open[at].busy = state == http.StateActive
		}
	case http.StateHijacked, http.StateClosed:
		if at >= 0 {
			c.open = slices.Delete(c.open, at, at+1)
		}
	}
}

// leave closes a connection. The server's goroutine notices.
func (c *crowd) leave(at int) {
	_ = c.open[at].conn.Close()
	c.open = slices.Delete(c.open, at, at+1)
}
