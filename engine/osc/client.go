package osc

import (
	"errors"
	"fmt"
	"math"
	"net"
	"strings"
	"syscall"

	goosc "github.com/hypebeast/go-osc/osc"
)

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
// string, []byte, bool or nil. UDP promises nothing: nil means sent, not received.
func (c *Client) Send(address string, args ...any) error {
	data, err := marshal(address, args)
	if err != nil {
		return fmt.Errorf("osc: send to %s: %w", c.addr, err)
	}
	_, err = c.conn.Write(data)
	if errors.Is(err, syscall.ECONNREFUSED) {
		// The kernel's news about an earlier message, told instead of sending this one.
		_, err = c.conn.Write(data)
	}
	if err != nil {
		return fmt.Errorf("osc: send to %s: %w", c.addr, cause(err))
	}
	return nil
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
