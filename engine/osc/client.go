package osc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	goosc "github.com/hypebeast/go-osc/osc"
)

// ErrNotListening is returned when the kernel at the other end reports that no
// process listens at the port.
var ErrNotListening = errors.New("nothing is listening there")

// ErrMalformed is returned for a message that was not sent because no server
// would accept it.
var ErrMalformed = errors.New("malformed message")

// malformed is an ErrMalformed that carries the reason.
type malformed struct{ error }

func (malformed) Is(target error) bool { return target == ErrMalformed }

// Client sends OSC messages from one UDP socket.
type Client struct {
	conn net.Conn
	addr string
}

// Dial prepares to send to addr, "host:port". It sends nothing, so it cannot
// report whether a server listens there.
func Dial(addr string) (*Client, error) {
	c, err := net.Dial("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("osc: %s: %w", addr, cause(err))
	}
	return &Client{conn: c, addr: addr}, nil
}

// Send sends one message. Arguments are int (sent as int32 if it fits, else as
// int64), int32, int64, float32, float64, string, []byte, bool or nil. UDP
// promises nothing: a nil error means sent, not received. A message that no
// server would accept is not sent, and the error is ErrMalformed.
func (c *Client) Send(address string, args ...any) error {
	data, err := marshal(address, args)
	if err != nil {
		return c.failed(malformed{err})
	}
	return c.write(data)
}

// SendAt sends one message in a bundle, to take effect at t.
func (c *Client) SendAt(t time.Time, address string, args ...any) error {
	message, err := marshal(address, args)
	if err != nil {
		return c.failed(malformed{err})
	}
	return c.write(pack(TimeTag(t), message))
}

// SendAll sends messages in one bundle, to take effect together at once. Only
// their addresses and arguments are used.
func (c *Client) SendAll(messages []Message) error {
	elements := make([][]byte, len(messages))
	for i, m := range messages {
		var err error
		if elements[i], err = marshal(m.Address, m.Args); err != nil {
			return c.failed(malformed{err})
		}
	}
	return c.write(pack(Immediately, elements...))
}

// pack returns a bundle.
func pack(timeTag uint64, elements ...[]byte) []byte {
	data := binary.BigEndian.AppendUint64(bytes.Clone(bundleTag), timeTag)
	for _, e := range elements {
		data = binary.BigEndian.AppendUint32(data, uint32(len(e)))
		data = append(data, e...)
	}
	return data
}

// Check sends one message, to take effect at t or, if t is zero, at once, and
// waits up to d for what became of it: Taken, or one of the prefixes of
// CheckAddress and what was wrong. It returns "" if no answer came, because
// another program than an engine listens or the engine has answered too often.
// The error is ErrNotListening if no program listens; a machine that is
// down or behind a firewall does not report that.
func (c *Client) Check(d time.Duration, t time.Time, address string, args ...any) (string, error) {
	message, err := marshal(address, args)
	if err != nil {
		return "", c.failed(malformed{err})
	}
	check, err := marshal(CheckAddress, nil)
	if err != nil {
		return "", c.failed(err)
	}
	if !t.IsZero() {
		message = pack(TimeTag(t), message)
	}
	if err := c.write(pack(Immediately, message, check)); err != nil {
		return "", err
	}
	answer, err := c.receive(CheckAddress, d)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "", nil
	case err != nil:
		return "", err
	case len(answer) > 0:
		if text, ok := answer[0].(string); ok {
			return oneLine(text), nil
		}
	}
	return "", nil
}

func (c *Client) write(data []byte) error {
	_, err := c.conn.Write(data)
	if errors.Is(err, syscall.ECONNREFUSED) {
		// This is about an earlier message: the kernel reports its refusal
		// instead of sending the new one.
		_, err = c.conn.Write(data)
	}
	if err != nil {
		return c.failed(cause(err))
	}
	return nil
}

func (c *Client) failed(err error) error { return fmt.Errorf("osc: send to %s: %w", c.addr, err) }

// Ask sends a message without arguments, waits up to d for the answer, a
// message with the same address, and returns its arguments.
func (c *Client) Ask(address string, d time.Duration) ([]any, error) {
	if err := c.Send(address); err != nil {
		return nil, err
	}
	args, err := c.receive(address, d)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, fmt.Errorf("osc: %s: no answer to %s within %v", c.addr, address, d)
	}
	return args, err
}

// receive waits for a message with the given address and returns its arguments.
func (c *Client) receive(address string, d time.Duration) ([]any, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(d)); err != nil {
		return nil, fmt.Errorf("osc: %s: %w", c.addr, cause(err))
	}
	buf := make([]byte, maxDatagram)
	var p parser
	for {
		n, err := c.conn.Read(buf)
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			return nil, fmt.Errorf("osc: %s: %w", c.addr, ErrNotListening)
		case err != nil:
			return nil, fmt.Errorf("osc: %s: %w", c.addr, err)
		}
		if args, ok := answer(&p, buf[:n], address); ok {
			return args, nil
		}
	}
}

// answer returns the arguments of the first message in a datagram that has the
// given address.
func answer(p *parser, data []byte, address string) (args []any, ok bool) {
	messages, _ := p.parse(data)
	for i := range messages {
		if messages[i].Address == address {
			return messages[i].Args, true
		}
	}
	return nil, false
}

// Close frees the socket.
func (c *Client) Close() error { return c.conn.Close() }

func marshal(address string, args []any) ([]byte, error) {
	m := goosc.NewMessage(address)
	zero := strings.IndexByte(address, 0) >= 0
	for _, arg := range args {
		switch a := arg.(type) {
		case int:
			if a >= math.MinInt32 && a <= math.MaxInt32 {
				arg = int32(a)
			} else {
				arg = int64(a)
			}
		case string:
			zero = zero || strings.IndexByte(a, 0) >= 0
		}
		m.Append(arg)
	}
	if zero { // go-osc would silently cut the string off there
		return nil, fmt.Errorf("%s: zero byte in a string", clip(address))
	}
	data, err := m.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", clip(address), err)
	}
	// What the server would refuse is better refused here, where the error
	// reaches the sender.
	if _, _, err := parseMessage(data); err != nil {
		return nil, err
	}
	return data, nil
}
