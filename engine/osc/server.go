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

	"chronus/engine/clock"

	"golang.org/x/sys/unix"
)

const (
	maxDatagram   = 64 << 10 // above the 65,527 bytes that UDP can carry: nothing is ever cut off
	receiveBuffer = 4 << 20  // wanted of the kernel: rides out what arrives while the host is not scheduled
	errorPause    = 2 * time.Millisecond
	reportEveryNS = int64(time.Second)
	// answersPerSecond bounds what goes out, to all senders together: whoever forges a sender's address cannot make the engine
	// flood anybody.
	answersPerSecond = 10
)

// Handler takes messages, one at a time and in the order they arrived. m and what it points to are valid during the
// call only. An error says what was wrong with the message; its datagram is then counted as bad. A handler holds up
// everything behind it and must not block.
type Handler interface {
	Message(m *Message) error
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(m *Message) error

// Message calls f.
func (f HandlerFunc) Message(m *Message) error { return f(m) }

// Server receives OSC on one UDP socket. Counters may be read at any time, the other fields set before Serve only.
type Server struct {
	// Packets counts the datagrams received, Bad those of them of which at least one part was refused.
	Packets, Bad atomic.Uint64
	// Overflows counts the datagrams that the kernel threw away because its receive buffer was full. Known with the next
	// datagram that got in.
	Overflows atomic.Uint64
	// Unanswered counts the answers held back because there were too many within a second.
	Unanswered atomic.Uint64
	// OnBad is told in one line what was wrong with a bad packet, at most once a second; the line says how many went
	// unmentioned before it. It is called from the read loop and must not block. May be nil.
	OnBad func(line string)
	// Now is the clock, CLOCK_MONOTONIC in ns; tests bring their own.
	Now func() int64

	conn       conn
	parser     parser
	overflowed uint32 // the kernel's count as last seen
	reported   bool
	reportNS   int64
	muted      uint64
	answers    int   // within the second
	answersNS  int64 // that began here
}

// conn is what the read loop needs of a *net.UDPConn.
type conn interface {
	ReadMsgUDPAddrPort(b, oob []byte) (n, oobn, flags int, from netip.AddrPort, err error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
	LocalAddr() net.Addr
	Close() error
}

// Listen binds a UDP socket to host and port; port 0 takes a free one, host "" every address. What arrives before Serve
// waits in the kernel. The error is one line that names host:port.
func Listen(host string, port int) (*Server, error) {
	where := net.JoinHostPort(host, strconv.Itoa(port))
	if port < 0 || port > 65535 {
		return nil, fmt.Errorf("osc: %s: no such port (0 to 65535)", where)
	}
	addr, err := net.ResolveUDPAddr("udp", where)
	if err != nil {
		return nil, fmt.Errorf("osc: %s: %w", where, cause(err))
	}
	// "udp" would open an IPv6 socket for 0.0.0.0.
	network := "udp"
	if addr.IP.To4() != nil {
		network = "udp4"
	}
	c, err := net.ListenUDP(network, addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("osc: %s: the port is in use by another program", where)
	} else if err != nil {
		return nil, fmt.Errorf("osc: %s: %w", where, cause(err))
	}
	prepare(c)
	return &Server{Now: clock.Now, conn: c}, nil
}

// prepare asks the kernel for a large buffer, and to say how much it threw away. Both are best effort: without them
// everything works as well, with less to spare and less to tell.
func prepare(c *net.UDPConn) {
	_ = c.SetReadBuffer(receiveBuffer)
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		// Only with CAP_NET_ADMIN; goes beyond net.core.rmem_max.
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer)
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1)
	})
}

// Addr is host:port as bound.
func (s *Server) Addr() string { return s.conn.LocalAddr().String() }

// Serve receives until Close and returns when the datagram in hand is done with. Nothing else ends it: not a malformed
// packet, not an error of the socket. Everything happens on the calling goroutine. Call it once.
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
			time.Sleep(errorPause) // an error that stays must not take a core
			continue
		}
		now := s.Now()
		s.overflow(oob[:oobn])
		s.datagram(h, buf[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), now)
	}
}

// Close ends Serve and frees the port. What waits in the kernel is thrown away. It does not wait for Serve, so that a
// handler may call it.
func (s *Server) Close() error { return s.conn.Close() }

// datagram hands the messages of one datagram to h.
func (s *Server) datagram(h Handler, data []byte, from netip.AddrPort, now int64) {
	s.Packets.Add(1)
	messages, bad := s.parser.parse(data)
	for i := range messages {
		m := &messages[i]
		m.From, m.RecvNS, m.BundleEnd = from, now, i == len(messages)-1
		if err := h.Message(m); err != nil && bad == nil {
			bad = err
		}
	}
	if bad != nil {
		s.Bad.Add(1)
		s.report(now, fmt.Sprintf("osc: bad packet from %v: %v", from, bad))
	}
}

// Answer sends a message from the socket that is received at, where the other side expects it from, and for which a firewall
// has a way back. At most answersPerSecond leave within a second, however many are asked for; what is held back is counted and
// args is not called for it. Like Send, it knows nothing of what arrives. It belongs to the handler's goroutine.
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

// overflow reads the kernel's count of datagrams thrown away, which wraps at 32 bits (socket(7), SO_RXQ_OVFL).
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

// report passes a line on unless one was within the last second.
func (s *Server) report(now int64, line string) {
	if s.OnBad == nil {
		return
	}
	if s.reported && now-s.reportNS < reportEveryNS {
		s.muted++
		return
	}
	if s.muted > 0 {
		line = fmt.Sprintf("%s (%d more before it)", oneLine(line), s.muted)
	} else {
		line = oneLine(line)
	}
	s.reported, s.reportNS, s.muted = true, now, 0
	s.OnBad(line)
}

// oneLine makes a bounded line without control characters of what may quote a stranger.
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

// cause strips the address and the operation off a net error, which the caller names better.
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
