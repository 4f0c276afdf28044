package osc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"chronus/engine/command"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var sender = netip.MustParseAddrPort("127.0.0.1:9000")

// packet returns the wire form of a message that the package's own client would
// send.
func packet(t testing.TB, address string, args ...any) []byte {
	t.Helper()
	data, err := marshal(address, args)
	require.NoError(t, err)
	return data
}

// bundle returns the wire form of a bundle, written out by hand because go-osc
// would put messages before bundles.
func bundle(timeTag uint64, elements ...[]byte) []byte {
	data := binary.BigEndian.AppendUint64([]byte("#bundle\x00"), timeTag)
	for _, e := range elements {
		data = binary.BigEndian.AppendUint32(data, uint32(len(e)))
		data = append(data, e...)
	}
	return data
}

// raw returns a message with the given type tags and argument bytes,
// well-formed or not.
func raw(address, tags, args string) []byte {
	pad := func(s string) string { return s + "\x00\x00\x00\x00"[:4-len(s)%4] }
	return []byte(pad(address) + pad(tags) + args)
}

func nest(depth int, inner []byte) []byte {
	for range depth {
		inner = bundle(Immediately, inner)
	}
	return inner
}

// hostile is a datagram of a kind known to break OSC servers, and part of the
// line that reports it.
type hostile struct {
	name string
	data []byte
	want string
}

func hostiles(t testing.TB) []hostile {
	f32 := func(v float32) string { return string(binary.BigEndian.AppendUint32(nil, math.Float32bits(v))) }
	f64 := func(v float64) string { return string(binary.BigEndian.AppendUint64(nil, math.Float64bits(v))) }
	freq := packet(t, "/mod/sine1/freq", float32(1))
	many := make([][]byte, MaxBundle+1)
	for i := range many {
		many[i] = freq
	}
	tags := make([]byte, 65000)
	for i := range tags {
		tags[i] = 'T'
	}
	long := make([]byte, MaxMessage)
	for i := range long {
		long[i] = 'x'
	}
	wrongSize := func(size uint32) []byte {
		b := bundle(Immediately, freq)
		binary.BigEndian.PutUint32(b[16:], size)
		return b
	}
	return []hostile{
		{"empty datagram", nil, "empty packet"},
		{"one byte", []byte("/"), "address not terminated"},
		{"zero bytes", make([]byte, 64), "neither a message nor a bundle"},
		{"address without a slash", []byte("2f80"), "neither a message nor a bundle"},
		{"unterminated address", []byte("/mod/sine1/freq!"), "address not terminated"},
		{"address padded with garbage", []byte("/a\x00x,\x00\x00\x00"), "address padded with nonzero bytes"},
		{
			"address with a control character", raw("/mod/\x1b[2J/freq", ",i", "\x00\x00\x00\x01"),
			"an invalid character",
		},
		{"address of 4 KiB", raw("/"+string(long), ",i", "\x00\x00\x00\x01"), "bytes (at most 4096)"},
		{"bad regular expression", packet(t, "/[z-a]", float32(1)), "patterns are not supported"},
		{"pattern", packet(t, "/mod/*/freq", float32(1)), "patterns are not supported"},
		{
			"pattern that means everything", packet(t, "/mod/{sine1,sine2}/fre?", float32(1)),
			"patterns are not supported",
		},
		{"no type tags and no argument", []byte("/mod/sine1/freq\x00"), "want one number, got no argument"},
		{"type tags without a comma", raw("/mod/sine1/freq", "f", f32(1)), "arguments without type tags"},
		{"unterminated type tags", []byte("/a\x00\x00,fff"), "type tags not terminated"},
		{"64 kB of T", raw("/mod/sine1/freq", ","+string(tags), ""), "bytes (at most 4096)"},
		{"4 kB of T", raw("/mod/sine1/freq", ","+string(tags[:4000]), ""), "4000 arguments (at most 64)"},
		{"unknown tag", raw("/mod/sine1/freq", ",x", "\x00\x00\x00a"), "unknown type tag 'x'"},
		{"character for a number", raw("/mod/sine1/freq", ",c", "\x00\x00\x00a"), "want a number, got an argument of type 'c'"},
		{"infinitum for a number", raw("/mod/sine1/freq", ",I", ""), "want a number, got an argument of type 'I'"},
		{"array for a number", raw("/mod/sine1/freq", ",[f]", f32(1)), "want a number, got an array of 1 argument"},
		{"array in an array", raw("/mod/sine1/freq", ",[[]ff]", f32(1)+f32(2)), "want a number, got an array of 3 arguments"},
		{"array that does not end", raw("/mod/sine1/freq", ",[f", f32(1)), "an array does not end"},
		{"array that has not begun", raw("/mod/sine1/freq", ",f]", f32(1)), "an array ends that has not begun"},
		{"truncated float", raw("/mod/sine1/freq", ",f", ""), "truncated within its arguments"},
		{
			"truncated double", raw("/mod/sine1/freq", ",d", "\x00\x00\x00\x00"),
			"truncated within its arguments",
		},
		{
			"truncated time tag before an argument", raw("/mod/sine1/freq", ",tf", f32(1)),
			"truncated within its arguments",
		},
		{"truncated string", raw("/mod/sine1/freq", ",s", "abcd"), "string argument not terminated"},
		{"blob of 2 GiB", raw("/mod/sine1/freq", ",b", "\x7f\xff\xff\xff"), "blob of 2147483647 bytes"},
		{
			"blob of -1 bytes", raw("/mod/sine1/freq", ",b", "\xff\xff\xff\xffabcd"),
			"blob of 4294967295 bytes",
		},
		{"blob of 0 bytes for a number", raw("/mod/sine1/freq", ",b", "\x00\x00\x00\x00"), "want a number, got a blob of 0 bytes"},
		{
			"truncated blob", raw("/mod/sine1/freq", ",b", "\x00\x00\x00\x09abcdefgh"),
			"truncated within its arguments",
		},
		{
			"blob padded with garbage for a number", raw("/mod/sine1/freq", ",b", "\x00\x00\x00\x01abcd"),
			"want a number, got a blob of 1 byte",
		},
		{
			"bytes after the arguments", append(packet(t, "/mod/sine1/freq", float32(1)), 0, 0, 0, 1),
			"4 bytes after the last argument",
		},
		{"NaN", raw("/mod/sine1/freq", ",f", f32(float32(math.NaN()))), "want a finite number"},
		{"double NaN", raw("/mod/sine1/freq", ",d", f64(math.NaN())), "want a finite number"},
		{"infinity", raw("/mod/sine1/freq", ",f", f32(float32(math.Inf(-1)))), "want a finite number"},
		{"gate of NaN", raw("/gate/env", ",f", f32(float32(math.NaN()))), "want a finite number"},
		{"no argument", packet(t, "/mod/sine1/freq"), "want one number, got no argument"},
		{"two arguments", packet(t, "/mod/sine1/freq", 1, 2), "want one number, got 2 arguments"},
		{"string for a number", packet(t, "/mod/sine1/freq", "440"), `want a number, got the string "440"`},
		{"nil for a number", packet(t, "/mod/sine1/freq", nil), "want a number, got nil"},
		{"unknown module", packet(t, "/mod/other/freq", 1), `unknown module "other"`},
		{"unknown parameter", packet(t, "/mod/sine1/nothing", 1), `unknown parameter "nothing"`},
		{"unknown gate", packet(t, "/gate/other", 1), `unknown module "other"`},
		{
			"unknown address", packet(t, "/nothing", 1),
			"no such address (known: /gate/<id>, ",
		},
		{"too short an address", packet(t, "/mod/sine1", 1), "no such address (known: /mod/<id>/<param>)"},
		{
			"too long an address", packet(t, "/mod/sine1/freq/x", 1),
			"no such address (known: /mod/<id>/<param>)",
		},
		{
			"unknown /engine address", packet(t, "/engine/nothing"),
			"no such address (known: /engine/gain, /engine/status, /engine/check, /engine/stop, /engine/freq)",
		},
		{"/engine itself", packet(t, "/engine"), "no such address"},
		{"status with a string", packet(t, "/engine/status", "playing"), `want a number, got the string "playing", or nothing`},
		{"stop with two arguments", packet(t, "/engine/stop", 1, 1), "want one number, got 2 arguments, or nothing"},
		{"check with an argument", packet(t, "/engine/check", 1), "want no arguments, got 1 argument"},
		{"status at a time", bundle(soon, packet(t, "/engine/status")), "cannot be timed"},
		{"stop at a time", bundle(soon, packet(t, "/engine/stop")), "cannot be timed"},
		{
			"engine frequency of NaN", raw("/engine/freq", ",f", f32(float32(math.NaN()))),
			"want a finite number",
		},
		{"engine frequency without a number", packet(t, "/engine/freq"), "want one number, got no argument"},
		{"engine gain of a patch without one", packet(t, "/engine/gain", 1), "no module with a gain"},
		{
			"time tag an hour ahead", bundle(soon+3600<<32, freq),
			`"/mod/sine1/freq": time tag 3601.0 s ahead (at most 60 s): check the client's clock`,
		},
		{"empty parts", packet(t, "/mod//", 1), "no such address (known: /mod/<id>/<param>)"},
		{"double slash", packet(t, "//mod/sine1/freq", 1), "no such address"},
		{
			"almost a bundle", []byte("#bundlx\x00\x00\x00\x00\x00\x00\x00\x00\x01"),
			"neither a message nor a bundle",
		},
		{"bundle without a time tag", []byte("#bundle\x00\x00\x00\x00\x00"), "truncated within its time tag"},
		{"bundle with half a size", append(bundle(Immediately), 0, 1), "truncated within the size"},
		{"bundle element larger than the bundle", wrongSize(4000), "element of 4000 bytes with only 24 left"},
		{"bundle element of 2 GiB", wrongSize(0x7ffffffc), "element of 2147483644 bytes"},
		{"bundle element of negative size", wrongSize(0xfffffffc), "an impossible size of -4"},
		{"bundle element of odd size", wrongSize(27), "an impossible size of 27"},
		{"bundle with an element of zeros", bundle(Immediately, make([]byte, 4), []byte("/")), "impossible size of 1"},
		{"bundles in bundles", nest(maxDepth+1, freq), "nested more than 8 deep"},
		{"bundles as deep as a datagram holds", nest(3000, nil), "nested more than 8 deep"},
		{"bundle of too many messages", bundle(Immediately, many...), "more than 256 messages"},
	}
}

// testTimeline is that of a clock on which frame 44100 is being played. soon is
// the time tag of one second later.
func testTimeline(int64) Timeline {
	return Timeline{Rate: 44100, Frame: 44100, FrameNS: 1e9, WallNS: 1_790_000_000e9, NowNS: 1e9}
}

var soon = timeTag(1_790_000_002e9)

// testRouter accepts what an engine does, with a module sine1, a gate env and
// no gain, and appends the commands it is sent to got.
func testRouter(got *[]command.Command) *Router {
	ignore := func(Request) {}
	return &Router{
		Routes: []Route{
			{Address: "/mod/<id>/<param>", Arg: NumberArg, Param: func(names []string) (Param, error) {
				switch module, param := names[0], names[1]; {
				case module != "sine1":
					return Param{}, fmt.Errorf("unknown module %s", clip(module))
				case param == "gate":
					return Param{Word: 9, Name: "env/gate", Gate: true}, nil
				case param == "freq":
					return Param{Word: 3, Name: "sine1/freq"}, nil
				case param == "amp":
					return Param{Word: 4, Name: "sine1/amp"}, nil
				default:
					return Param{}, fmt.Errorf("unknown parameter %s of %s", clip(param), module)
				}
			}},
			{Address: "/gate/<id>", Arg: GateArg, Param: func(names []string) (Param, error) {
				if names[0] != "env" {
					return Param{}, fmt.Errorf("unknown module %s", clip(names[0]))
				}
				return Param{Word: 9, Name: "env/gate", Gate: true}, nil
			}},
			{Address: "/engine/freq", Arg: NumberArg, Param: func([]string) (Param, error) { return Param{Word: 3}, nil }},
			{Address: "/engine/gain", Arg: NumberArg, Param: func([]string) (Param, error) {
				return Param{}, errors.New("no module with a gain")
			}},
			{Address: StatusAddress, Arg: ButtonArg, Do: ignore},
			{Address: CheckAddress, Arg: NoArg, Do: ignore},
			{Address: "/engine/stop", Arg: ButtonArg, Do: ignore},
		},
		Timeline: testTimeline,
		Sink:     func(c []command.Command) bool { *got = append(*got, c...); return true },
	}
}

// on replaces what a message to address makes r do.
func (r *Router) on(address string, do func(Request)) {
	for i := range r.Routes {
		if r.Routes[i].Address == address {
			r.Routes[i].Do = do
			return
		}
	}
	panic("no such route: " + address)
}
