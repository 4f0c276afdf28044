package osc

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"chronus/engine/clock"
)

const (
	// maxDatagram exceeds the 65,527 bytes that UDP can carry, so nothing is
	// ever cut off.
	maxDatagram = 64 << 10
	// receiveBuffer is requested from the kernel, to hold whatever arrives
	// while the host is not scheduled. The kernel grants twice as much, because
	// it charges its own overhead: 768 bytes for the smallest datagram, so that
	// this holds 43,000 of them.
	receiveBuffer = 16 << 20
	errorPause    = 2 * time.Millisecond
	// answersPerSecond limits the answers of one address to all senders
	// together, so that an attacker who forges a sender's address cannot make
	// the engine flood it.
	answersPerSecond = 10
)

// Handler takes datagrams one at a time, in the order of their arrival.
type Handler interface {
	// Handle is called with one message or with those of a bundle, nested
	// bundles included. They and what they point to are valid only during the
	// call. If it returns an error, which says what was wrong with a message,
	// the datagram counts as bad. Everything that arrives waits for it, so it
	// must not block.
	Handle(datagram []Message) error
}

// HandlerFunc is a Handler that looks at each message on its own.
type HandlerFunc func(m *Message) error

// Handle calls f for each message and returns the first error.
func (f HandlerFunc) Handle(datagram []Message) error {
	var bad error
	for i := range datagram {
		if err := f(&datagram[i]); err != nil && bad == nil {
			bad = err
		}
	}
	return bad
}

// Server receives OSC on one UDP socket. Its counters may be read at any time.
// The other fields may be set only before Serve.
type Server struct {
	// Packets counts the datagrams received, Bad those with at least one part
	// that was refused.
	Packets, Bad atomic.Uint64
	// Withheld counts the answers held back because there had been too many
	// within a second.
	Withheld atomic.Uint64
	// BadNotice names what was wrong with a bad packet.
	BadNotice Notice
	// Trace is called with one line per bad packet that BadNotice did not name
	// by itself. It runs in the read loop and must not block. It may be nil.
	Trace func(line string)
	// Now returns CLOCK_MONOTONIC in ns. Tests supply a clock of their own.
	Now func() int64

	conn    conn
	parser  parser
	answers map[string]*answered // by address
	kernel  kernelDrops
}

// answered counts the answers of one second.
type answered struct {
	n      int
	fromNS int64
}

// conn is the part of *net.UDPConn that the Server needs.
type conn interface {
	ReadFromUDPAddrPort(b []byte) (n int, from netip.AddrPort, err error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
	LocalAddr() net.Addr
	Close() error
}

// Listen binds a UDP socket to host and port. Port 0 picks a free port, host ""
// stands for every address. Datagrams that arrive before Serve wait in the
// kernel. The error is one line that names host:port.
func Listen(host string, port int) (*Server, error) {
	where := net.JoinHostPort(host, strconv.Itoa(port))
	if port < 0 || port > 65535 {
		return nil, fmt.Errorf("osc: listen on %s: no such port (0 to 65535)", where)
	}
	addr, err := net.ResolveUDPAddr("udp", where)
	if err != nil {
		return nil, fmt.Errorf("osc: listen on %s: %w", where, cause(err))
	}
	// With "udp", 0.0.0.0 would become an IPv6 socket.
	network := "udp"
	if addr.IP.To4() != nil {
		network = "udp4"
	}
	c, err := net.ListenUDP(network, addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("osc: listen on %s: the port is in use by another program", where)
	} else if err != nil {
		return nil, fmt.Errorf("osc: listen on %s: %w", where, cause(err))
	}
	s := &Server{Now: clock.Now, conn: c}
	s.kernel.open(c)
	return s, nil
}

// Addr returns the bound address as host:port.
func (s *Server) Addr() string { return s.conn.LocalAddr().String() }

// Serve receives until Close is called, and returns once the current datagram
// has been handled. Nothing else ends it, neither a malformed packet nor an
// error of the socket. Everything happens on the calling goroutine. It may be
// called once.
func (s *Server) Serve(h Handler) {
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.BadNotice.Add(s.Now(), "receive: "+cause(err).Error())
			time.Sleep(errorPause) // a persistent error must not keep a CPU busy
			continue
		}
		s.datagram(h, buf[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), s.Now())
	}
}

// KernelDrops returns the number of datagrams that reached the socket and were
// not received: the kernel threw them away because the receive buffer was full,
// or they were still waiting when the socket was closed.
func (s *Server) KernelDrops() uint64 { return s.kernel.count() }

// Buffer returns the size in bytes of the receive buffer that the kernel has
// granted, and the size it was asked for.
func (s *Server) Buffer() (granted, asked int) { return s.kernel.granted, 2 * receiveBuffer }

// Close ends Serve and frees the port. Datagrams still waiting in the kernel
// are discarded, and counted. It does not wait for Serve to return, so a
// handler may call it.
func (s *Server) Close() error {
	s.kernel.close()
	return s.conn.Close()
}

// datagram hands the messages of one datagram to h, all at once.
func (s *Server) datagram(h Handler, data []byte, from netip.AddrPort, now int64) {
	s.Packets.Add(1)
	messages, bad := s.parser.parse(data)
	for i := range messages {
		messages[i].From, messages[i].RecvNS = from, now
	}
	if len(messages) > 0 {
		if err := h.Handle(messages); bad == nil {
			bad = err
		}
	}
	if bad != nil {
		s.Bad.Add(1)
		line := fmt.Sprintf("bad packet from %v: %v", from, bad)
		if !s.BadNotice.Add(now, line) && s.Trace != nil {
			s.Trace(oneLine(line))
		}
	}
}

// Answer sends a message from the socket that the server receives on, because
// that is where the other side expects it from and what a firewall lets
// through. At most answersPerSecond answers per address are sent per second,
// however many are asked for. The rest are counted in Withheld, and args is not
// called for them. Like Send, it cannot report whether the message arrives. It
// may be called only from the Handler.
func (s *Server) Answer(to netip.AddrPort, address string, args func() []any) error {
	now := s.Now()
	a := s.answers[address]
	if a == nil || now-a.fromNS >= int64(time.Second) {
		a = &answered{fromNS: now}
		if s.answers == nil {
			s.answers = map[string]*answered{}
		}
		s.answers[address] = a
	}
	if a.n == answersPerSecond {
		s.Withheld.Add(1)
		return nil
	}
	a.n++
	data, err := marshal(address, args())
	if err == nil {
		_, err = s.conn.WriteToUDPAddrPort(data, to)
	}
	if err != nil {
		return fmt.Errorf("osc: answer to %v: %w", to, cause(err))
	}
	return nil
}

// cause strips the operation and the address from a net error. The caller's own
// text names them better.
func cause(err error) error {
	var errno syscall.Errno
	var dns *net.DNSError
	var addr *net.AddrError
	switch {
	case errors.As(err, &errno):
		return errno
	case errors.As(err, &dns):
		return errors.New(dns.Err)
	case errors.As(err, &addr):
		return errors.New(addr.Err)
	}
	return err
}
