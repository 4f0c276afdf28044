package osc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"chronus/engine/clock"
)

const (
	// maxDatagram exceeds the 65,527 bytes that UDP can carry, so nothing is
	// ever cut off.
	maxDatagram = 64 << 10
	// receiveBuffer is requested from the kernel, to hold whatever arrives
	// while the host is not scheduled.
	receiveBuffer = 4 << 20
	errorPause    = 2 * time.Millisecond
	reportEveryNS = int64(time.Second)
	// answersPerSecond limits the answers to all senders together, so that an
	// attacker who forges a sender's address cannot make the engine flood it.
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
	// Overflows counts the datagrams that the kernel threw away because its
	// receive buffer was full. It is brought up to date with the next datagram
	// that gets through.
	Overflows atomic.Uint64
	// Unanswered counts the answers held back because there had been too many
	// within a second.
	Unanswered atomic.Uint64
	// OnBad is called with one line on what was wrong with a bad packet, at
	// most once per second. The line also gives the number of bad packets left
	// unreported before it. OnBad runs in the read loop and must not block. It
	// may be nil.
	OnBad func(line string)
	// Now returns CLOCK_MONOTONIC in ns. Tests supply a clock of their own.
	Now func() int64

	conn       conn
	parser     parser
	overflowed uint32 // the kernel's count when last read
	reported   bool
	reportNS   int64
	muted      uint64
	answers    int   // since answersNS
	answersNS  int64 // start of the current second
}

// conn is the part of *net.UDPConn that the Server needs.
type conn interface {
	ReadMsgUDPAddrPort(b, oob []byte) (n, oobn, flags int, from netip.AddrPort, err error)
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
	prepare(c)
	return &Server{Now: clock.Now, conn: c}, nil
}

// prepare asks the kernel for a large receive buffer and for the number of
// datagrams it threw away. Both are best effort: without them everything still
// works, with a smaller reserve and without the count.
func prepare(c *net.UDPConn) {
	_ = c.SetReadBuffer(receiveBuffer)
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		// Takes CAP_NET_ADMIN, and may exceed net.core.rmem_max.
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer)
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1)
	})
}

// Addr returns the bound address as host:port.
func (s *Server) Addr() string { return s.conn.LocalAddr().String() }

// Serve receives until Close is called, and returns once the current datagram
// has been handled. Nothing else ends it, neither a malformed packet nor an
// error of the socket. Everything happens on the calling goroutine. It may be
// called once.
func (s *Server) Serve(h Handler) {
	buf := make([]byte, maxDatagram)
	oob := make([]byte, unix.CmsgSpace(4))
	for {
		n, oobn, _, from, err := s.conn.ReadMsgUDPAddrPort(buf, oob)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.report(s.Now(), "osc: receive: "+cause(err).Error())
			time.Sleep(errorPause) // a persistent error must not keep a CPU busy
			continue
		}
		now := s.Now()
		s.overflow(oob[:oobn])
		s.datagram(h, buf[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), now)
	}
}

// Close ends Serve and frees the port. Datagrams still waiting in the kernel
// are discarded. It does not wait for Serve to return, so a handler may call
// it.
func (s *Server) Close() error { return s.conn.Close() }

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
		s.report(now, fmt.Sprintf("osc: bad packet from %v: %v", from, bad))
	}
}

// Answer sends a message from the socket that the server receives on, because
// that is where the other side expects it from and what a firewall lets
// through. At most answersPerSecond answers are sent per second, however many
// are asked for. The rest are counted in Unanswered, and args is not called for
// them. Like Send, it cannot report whether the message arrives. It may be
// called only from the Handler.
func (s *Server) Answer(to netip.AddrPort, address string, args func() []any) error {
	now := s.Now()
	if s.answers == 0 || now-s.answersNS >= int64(time.Second) {
		s.answers, s.answersNS = 0, now
	}
	if s.answers == answersPerSecond {
		s.Unanswered.Add(1)
		return nil
	}
	s.answers++
	data, err := marshal(address, args())
	if err == nil {
		_, err = s.conn.WriteToUDPAddrPort(data, to)
	}
	if err != nil {
		return fmt.Errorf("osc: answer to %v: %w", to, cause(err))
	}
	return nil
}

// overflow reads the kernel's count of datagrams it threw away, which wraps at
// 32 bits (socket(7), SO_RXQ_OVFL).
func (s *Server) overflow(oob []byte) {
	if len(oob) == 0 {
		return
	}
	header, data, _, err := unix.ParseOneSocketControlMessage(oob)
	if err != nil || header.Level != unix.SOL_SOCKET || header.Type != unix.SO_RXQ_OVFL || len(data) < 4 {
		return
	}
	count := binary.NativeEndian.Uint32(data)
	s.Overflows.Add(uint64(count - s.overflowed))
	s.overflowed = count
}

// report passes a line to OnBad unless it did so within the last second.
func (s *Server) report(now int64, line string) {
	if s.OnBad == nil {
		return
	}
	if s.reported && now-s.reportNS < reportEveryNS {
		s.muted++
		return
	}
	if s.muted > 0 {
		line = fmt.Sprintf("%s (and %d unreported before it)", oneLine(line), s.muted)
	} else {
		line = oneLine(line)
	}
	s.reported, s.reportNS, s.muted = true, now, 0
	s.OnBad(line)
}

// oneLine makes s, which may quote an unknown sender, a line of bounded length
// without control characters.
func oneLine(s string) string {
	const most = 256
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
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
