package osc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	goosc "github.com/hypebeast/go-osc/osc"
)

// Limits on what one datagram may ask for. All of them are far above what any
// controller sends.
const (
	// MaxMessage is the size limit of a message in bytes. go-osc parses through
	// a buffer of this size and silently cuts off the rest.
	MaxMessage = 4096
	// MaxBundle is the limit on messages in one datagram, those of nested
	// bundles included. A bundle takes effect at one instant, so everything
	// that carries its commands must be able to hold all of them at once.
	MaxBundle = 256

	maxDepth = 8  // of bundles within bundles
	maxTags  = 64 // arguments; a T takes one byte on the wire and 88 in memory
)

// Immediately is the OSC time tag for "now". A message outside any bundle has
// it too.
const Immediately uint64 = 1

// Message is one OSC message as it arrived.
type Message struct {
	Address string
	// Args are int32, int64, float32, float64, string, []byte, bool, nil, or
	// uint64 for the raw 64 bits of a time tag.
	Args []any
	// TimeTag is the raw NTP time tag of the innermost bundle around the
	// message, or Immediately outside any bundle.
	TimeTag uint64
	From    netip.AddrPort
	RecvNS  int64 // CLOCK_MONOTONIC at which its datagram was read, in ns
}

var bundleTag = []byte("#bundle\x00")

// element is one message within a datagram, not yet examined.
type element struct {
	data    []byte
	timeTag uint64
}

// parser turns datagrams into messages. It reuses its memory from one datagram
// to the next.
type parser struct {
	elements []element
	messages []Message
	timeTags []uint64
}

// parse returns the messages of a datagram, valid until the next call, and the
// first thing wrong with it. A datagram whose framing is broken has no
// messages, because there is no telling where any of them starts. In a bundle
// with sound framing, malformed messages are left out and the others are
// returned.
func (p *parser) parse(data []byte) ([]Message, error) {
	p.messages = p.messages[:0]
	var bad error
	p.elements, bad = split(p.elements[:0], data, Immediately, 0)
	if bad != nil {
		return nil, bad
	}
	for _, e := range p.elements {
		address, args, err := p.message(e.data)
		if err != nil {
			if bad == nil {
				bad = err
			}
			continue
		}
		p.messages = append(p.messages, Message{Address: address, Args: args, TimeTag: e.timeTag})
	}
	return p.messages, bad
}

// split appends the messages of data to dst, going by the sizes of the
// elements. The messages of nested bundles keep their place in the order.
func split(dst []element, data []byte, timeTag uint64, depth int) ([]element, error) {
	if !bytes.HasPrefix(data, bundleTag) {
		if len(dst) == MaxBundle {
			return dst, fmt.Errorf("bundle of more than %d messages", MaxBundle)
		}
		return append(dst, element{data, timeTag}), nil
	}
	if depth == maxDepth {
		return dst, fmt.Errorf("bundles nested more than %d deep", maxDepth)
	}
	data = data[len(bundleTag):]
	if len(data) < 8 {
		return dst, errors.New("bundle truncated within its time tag")
	}
	timeTag = binary.BigEndian.Uint64(data)
	data = data[8:]
	for len(data) > 0 {
		if len(data) < 4 {
			return dst, errors.New("bundle truncated within the size of an element")
		}
		size := int64(int32(binary.BigEndian.Uint32(data)))
		data = data[4:]
		switch {
		case size < 0 || size%4 != 0:
			return dst, fmt.Errorf("bundle element with an impossible size of %d bytes", size)
		case size > int64(len(data)):
			return dst, fmt.Errorf("bundle element of %d bytes with only %d left", size, len(data))
		}
		var err error
		if dst, err = split(dst, data[:size], timeTag, depth+1); err != nil {
			return dst, err
		}
		data = data[size:]
	}
	return dst, nil
}

// message checks one message and decodes it with go-osc.
func (p *parser) message(data []byte) (address string, args []any, err error) {
	if p.timeTags, err = check(p.timeTags[:0], data); err != nil {
		return "", nil, err
	}
	m, err := decode(data)
	if err != nil {
		return "", nil, fmt.Errorf("malformed message: %w", err)
	}
	// go-osc converts time tags to time.Time, which loses their low bits.
	next := 0
	for i, arg := range m.Arguments {
		if _, ok := arg.(goosc.Timetag); ok {
			m.Arguments[i] = p.timeTags[next]
			next++
		}
	}
	return m.Address, m.Arguments, nil
}

// decode calls go-osc's parser and turns a panic or a nil message into an
// error.
func decode(data []byte) (m *goosc.Message, err error) {
	defer func() {
		if r := recover(); r != nil {
			m, err = nil, fmt.Errorf("decoder: %v", r)
		}
	}()
	packet, err := goosc.ParsePacket(string(data))
	if err != nil {
		return nil, err
	}
	m, ok := packet.(*goosc.Message)
	if !ok || m == nil {
		return nil, errors.New("not a message")
	}
	return m, nil
}

// check walks a message as the OSC 1.0 specification lays it out: an address, a
// type tag string, the arguments and nothing else. It appends the time tags
// among the arguments to timeTags.
func check(timeTags []uint64, data []byte) ([]uint64, error) {
	switch {
	case len(data) == 0:
		return timeTags, errors.New("empty packet")
	case len(data) > MaxMessage:
		return timeTags, fmt.Errorf("message of %d bytes (at most %d)", len(data), MaxMessage)
	case len(data)%4 != 0:
		return timeTags, fmt.Errorf("message of %d bytes, not a multiple of 4", len(data))
	case data[0] != '/':
		return timeTags, fmt.Errorf("neither a message nor a bundle: starts with %s", clip(data))
	}
	address, rest, ok := cutString(data)
	if !ok {
		return timeTags, fmt.Errorf("unterminated address: %s", clip(data))
	}
	for _, c := range address {
		if c <= ' ' || c > '~' {
			return timeTags, fmt.Errorf("address with an invalid character: %s", clip(address))
		}
	}
	tags, rest, ok := cutString(rest)
	switch {
	case !ok || len(tags) == 0 || tags[0] != ',':
		return timeTags, fmt.Errorf("%s: no type tags", clip(address))
	case len(tags) > 1+maxTags:
		return timeTags, fmt.Errorf("%s: %d arguments (at most %d)", clip(address), len(tags)-1, maxTags)
	}
	for _, tag := range tags[1:] {
		size := 0
		switch tag {
		case 'T', 'F', 'N':
		case 'i', 'f':
			size = 4
		case 'h', 'd', 't':
			size = 8
		case 's':
			s, _, ok := cutString(rest)
			if !ok {
				return timeTags, fmt.Errorf("%s: unterminated string argument", clip(address))
			}
			size = padded(len(s) + 1)
		case 'b':
			if len(rest) < 4 {
				return timeTags, fmt.Errorf("%s: truncated within its arguments", clip(address))
			}
			n := binary.BigEndian.Uint32(rest)
			if n == 0 || n > MaxMessage {
				return timeTags, fmt.Errorf("%s: blob of %d bytes", clip(address), n)
			}
			size = 4 + padded(int(n))
			if size <= len(rest) && !zero(rest[4+n:size]) {
				return timeTags, fmt.Errorf("%s: blob padded with nonzero bytes", clip(address))
			}
		default:
			return timeTags, fmt.Errorf("%s: unsupported type tag %q", clip(address), tag)
		}
		if size > len(rest) {
			return timeTags, fmt.Errorf("%s: truncated within its arguments", clip(address))
		}
		if tag == 't' {
			timeTags = append(timeTags, binary.BigEndian.Uint64(rest))
		}
		rest = rest[size:]
	}
	if len(rest) > 0 {
		return timeTags, fmt.Errorf("%s: %d bytes after the last argument", clip(address), len(rest))
	}
	return timeTags, nil
}

// cutString takes an OSC string off the front of data: text, a zero byte, and
// more zero bytes up to a multiple of four.
func cutString(data []byte) (text, rest []byte, ok bool) {
	end := bytes.IndexByte(data, 0)
	if end < 0 || padded(end+1) > len(data) || !zero(data[end:padded(end+1)]) {
		return nil, nil, false
	}
	return data[:end], data[padded(end+1):], true
}

func zero(data []byte) bool { return len(bytes.TrimLeft(data, "\x00")) == 0 }

func padded(n int) int { return (n + 3) &^ 3 }

// clip quotes text from outside for an error line. It may hold anything and be
// of any length.
func clip[T string | []byte](s T) string {
	const most = 64
	if len(s) > most {
		return fmt.Sprintf("%q...", s[:most])
	}
	return fmt.Sprintf("%q", s)
}
