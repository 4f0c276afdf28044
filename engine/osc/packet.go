package osc

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
)

// Limits on what one datagram may ask for. All of them are far above what any
// controller sends.
const (
	// MaxMessage is the size limit of a message in bytes.
	MaxMessage = 4096
	// MaxBundle is the limit on messages in one datagram, those of nested
	// bundles included. A bundle takes effect at one instant, so everything
	// that carries its commands must be able to hold all of them at once.
	MaxBundle = 256

	maxDepth = 8  // of bundles within bundles
	maxTags  = 64 // arguments; a T takes one byte on the wire and 16 in memory
)

// Immediately is the OSC time tag for "now". A message outside any bundle has
// it too.
const Immediately uint64 = 1

// Message is one OSC message as it arrived.
type Message struct {
	Address string
	// Args are int32, int64, float32, float64, string, []byte, bool, nil,
	// uint64 for the raw 64 bits of a time tag, Array, or Other.
	Args []any
	// TimeTag is the raw NTP time tag of the innermost bundle around the
	// message, or Immediately outside any bundle.
	TimeTag uint64
	From    netip.AddrPort
	RecvNS  int64 // CLOCK_MONOTONIC at which its datagram was read, in ns
}

// Array is an array among the arguments, what stands between [ and ].
type Array []any

// Other is an argument of a type that no address takes, by its type tag: a
// character (c), a colour (r), a MIDI message (m) or an infinitum (I).
type Other byte

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
}

// parse returns the messages of a datagram, valid until the next call, and the
// first thing wrong with it. What is wrong is left out, and the rest returned:
// a malformed message, a bundle that is nested too deep, and, because there is
// no telling where the next element would start, everything from an element of
// an impossible size on. Only a datagram of too many messages has none.
func (p *parser) parse(data []byte) ([]Message, error) {
	p.messages = p.messages[:0]
	var bad error
	p.elements, bad = split(p.elements[:0], data, Immediately, 0)
	if errors.Is(bad, errMany) {
		return nil, bad
	}
	for _, e := range p.elements {
		address, args, err := parseMessage(e.data)
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

var errMany = fmt.Errorf("bundle of more than %d messages", MaxBundle)

// split appends the messages of data to dst, going by the sizes of the
// elements, and returns the first thing wrong with them. The messages of nested
// bundles keep their place in the order.
func split(dst []element, data []byte, timeTag uint64, depth int) ([]element, error) {
	if !bytes.HasPrefix(data, bundleTag) {
		if len(dst) == MaxBundle {
			return dst, errMany
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
	var bad error
	for data = data[8:]; !zero(data); {
		if len(data) < 4 {
			return dst, cmp.Or(bad, errors.New("bundle truncated within the size of an element"))
		}
		size := int64(int32(binary.BigEndian.Uint32(data)))
		data = data[4:]
		switch {
		case size < 0 || size%4 != 0:
			return dst, cmp.Or(bad, fmt.Errorf("bundle element with an impossible size of %d bytes", size))
		case size > int64(len(data)):
			return dst, cmp.Or(bad, fmt.Errorf("bundle element of %d bytes with only %d left", size, len(data)))
		}
		var err error
		dst, err = split(dst, data[:size], timeTag, depth+1)
		if errors.Is(err, errMany) {
			return dst, err
		}
		bad = cmp.Or(bad, err)
		data = data[size:]
	}
	return dst, bad
}

// parseMessage decodes a message as the OSC 1.0 specification lays it out: an
// address, a type tag string, the arguments. It is lenient where nothing is
// ambiguous: older senders leave out the type tag string of a message without
// arguments, as the specification says; zeros may follow the last argument; and
// the bytes that pad a blob may be anything.
func parseMessage(data []byte) (address string, args []any, err error) {
	switch {
	case len(data) == 0:
		return "", nil, errors.New("empty packet")
	case len(data) > MaxMessage:
		return "", nil, fmt.Errorf("message of %d bytes (at most %d)", len(data), MaxMessage)
	case data[0] != '/':
		return "", nil, fmt.Errorf("neither a message nor a bundle: starts with %s", clip(data))
	}
	name, rest, err := cutString(data)
	if err != nil {
		return "", nil, fmt.Errorf("address %w: %s", err, clip(data))
	}
	for _, c := range name {
		if c <= ' ' || c > '~' {
			return "", nil, fmt.Errorf("address with an invalid character: %s", clip(name))
		}
	}
	fail := func(err error) (string, []any, error) { return "", nil, fmt.Errorf("%s: %w", clip(name), err) }
	if zero(rest) {
		return string(name), nil, nil
	}
	if rest[0] != ',' {
		return fail(errors.New("arguments without type tags"))
	}
	tags, rest, err := cutString(rest)
	if err != nil {
		return fail(fmt.Errorf("type tags %w", err))
	}
	tags = tags[1:]
	if len(tags) > maxTags {
		return fail(fmt.Errorf("%d arguments (at most %d)", len(tags), maxTags))
	}
	args = make([]any, 0, len(tags))
	var outer [][]any // arguments before each array that is still open
	for _, tag := range tags {
		switch tag {
		case '[':
			outer, args = append(outer, args), nil
			continue
		case ']':
			if len(outer) == 0 {
				return fail(errors.New("an array ends that has not begun"))
			}
			last := len(outer) - 1
			args, outer = append(outer[last], Array(args)), outer[:last]
			continue
		}
		var arg any
		if arg, rest, err = cutArg(rest, tag); err != nil {
			return fail(err)
		}
		args = append(args, arg)
	}
	if len(outer) > 0 {
		return fail(errors.New("an array does not end"))
	}
	if !zero(rest) {
		return fail(fmt.Errorf("%d bytes after the last argument", len(rest)))
	}
	return string(name), args, nil
}

var errTruncated = errors.New("truncated within its arguments")

// cutArg takes the argument of a type tag off the front of data.
func cutArg(data []byte, tag byte) (arg any, rest []byte, err error) {
	switch tag {
	case 'T', 'F':
		return tag == 'T', data, nil
	case 'N':
		return nil, data, nil
	case 'I':
		return Other(tag), data, nil
	case 's', 'S':
		text, rest, err := cutString(data)
		if err != nil {
			return nil, nil, fmt.Errorf("string argument %w", err)
		}
		return string(text), rest, nil
	}
	size := 4
	switch tag {
	case 'i', 'f', 'b', 'c', 'r', 'm':
	case 'h', 'd', 't':
		size = 8
	default:
		return nil, nil, fmt.Errorf("unknown type tag %q", tag)
	}
	if len(data) < size {
		return nil, nil, errTruncated
	}
	word, rest := data[:size], data[size:]
	switch tag {
	case 'i':
		return int32(binary.BigEndian.Uint32(word)), rest, nil
	case 'f':
		return math.Float32frombits(binary.BigEndian.Uint32(word)), rest, nil
	case 'h':
		return int64(binary.BigEndian.Uint64(word)), rest, nil
	case 'd':
		return math.Float64frombits(binary.BigEndian.Uint64(word)), rest, nil
	case 't':
		return binary.BigEndian.Uint64(word), rest, nil
	case 'b':
		n := binary.BigEndian.Uint32(word)
		if n > MaxMessage {
			return nil, nil, fmt.Errorf("blob of %d bytes", n)
		}
		if padded(int(n)) > len(rest) {
			return nil, nil, errTruncated
		}
		return bytes.Clone(rest[:n]), rest[padded(int(n)):], nil
	}
	return Other(tag), rest, nil
}

var (
	errUnterminated = errors.New("not terminated")
	errUnclean      = errors.New("padded with nonzero bytes")
)

// cutString takes an OSC string off the front of data: text, a zero byte, and
// more zero bytes up to a multiple of four.
func cutString(data []byte) (text, rest []byte, err error) {
	end := bytes.IndexByte(data, 0)
	switch {
	case end < 0 || padded(end+1) > len(data):
		return nil, nil, errUnterminated
	case !zero(data[end:padded(end+1)]):
		return nil, nil, errUnclean
	}
	return data[:end], data[padded(end+1):], nil
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
