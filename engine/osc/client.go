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

// ErrNobody says that the kernel at the other end has nobody listening at the port.
var ErrNobody = errors.New("nobody listens there")

// ErrMalformed says that a message was not sent because no server would take it.
var ErrMalformed = errors.New("malformed message")

// malformed is an error that is ErrMalformed and says why.
type malformed struct{ error }

func (malformed) Is(target error) bool { return target == ErrMalformed }

// Client sends OSC messages from one UDP socket.
type Client struct {
	conn net.Conn
	addr string
}

// Dial prepares to send to addr, "host:port". Nothing is sent, so whether anybody listens there is not known.
func Dial(addr string) (*Client, error) {
	c, err := net.Dial("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("osc: %s: %w", addr, cause(err))
	}
	return &Client{conn: c, addr: addr}, nil
}

// Send sends one message. Arguments are int (as int32 where it fits, else int64), int32, int64, float32, float64,
// string, []byte, bool or nil. UDP promises nothing: nil means sent, not received. What no server would take is not sent, which
// is ErrMalformed.
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
	data := binary.BigEndian.AppendUint64(bytes.Clone(bundleTag), TimeTag(t))
	data = binary.BigEndian.AppendUint32(data, uint32(len(message)))
	return c.write(append(data, message...))
}

func (c *Client) write(data []byte) error {
	_, err := c.conn.Write(data)
	if errors.Is(err, syscall.ECONNREFUSED) {
		// The kernel's news about an earlier message, told instead of sending this one.
		_, err = c.conn.Write(data)
	}
	if err != nil {
		return c.failed(cause(err))
	}
	return nil
}

func (c *Client) failed(err error) error { return fmt.Errorf("osc: send to %s: %w", c.addr, err) }

// Refused waits up to d for the news that a message sent before found nobody, and returns ErrNobody then. A machine that is not
// there, or a firewall, gives no news: nil means that none came.
func (c *Client) Refused(d time.Duration) error {
	_, err := c.receive("", d)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// Ask sends a message without arguments and waits up to d for the answer, a message with the same address; it returns the
// answer's arguments.
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

// receive waits for a message with the given address, "" for none.
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
			return nil, fmt.Errorf("osc: %s: %w", c.addr, ErrNobody)
		case err != nil:
			return nil, fmt.Errorf("osc: %s: %w", c.addr, err)
		case address == "":
			continue
		}
		if args, ok := answer(&p, buf[:n], address); ok {
			return args, nil
		}
	}
}

// answer looks for a message with the given address in a datagram.
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
	if zero { // go-osc would cut it off there and say nothing
		return nil, fmt.Errorf("%s: zero byte in a string", clip(address))
	}
	data, err := m.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", clip(address), err)
	}
	// What the other side would refuse is better refused here, where somebody reads the error.
	if _, err := check(nil, data); err != nil {
		return nil, err
	}
	return data, nil
}
