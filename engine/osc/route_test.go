package osc

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/command"
)

func TestNumbersOfEveryTypeBecomeUntimedCommands(t *testing.T) {
	for _, c := range []struct {
		name    string
		address string
		arg     any
		word    uint32
		value   float64
	}{
		{"int32", "/mod/sine1/freq", int32(-440), 3, -440},
		{"int64", "/mod/sine1/freq", int64(1) << 40, 3, 1 << 40},
		{"float32", "/mod/sine1/amp", float32(0.1), 4, float64(float32(0.1))},
		{"float64", "/mod/sine1/amp", 0.1, 4, 0.1},
		{"largest float64", "/mod/sine1/amp", math.MaxFloat64, 4, math.MaxFloat64},
		{"engine frequency", "/engine/freq", 220, 3, 220},
		{"gate by int", "/gate/env", 1, 9, 1},
		{"gate by float", "/gate/env", float32(0), 9, 0},
		{"gate by negative zero", "/gate/env", math.Copysign(0, -1), 9, 0},
		{"gate by T", "/gate/env", true, 9, 1},
		{"gate by F", "/gate/env", false, 9, 0},
		{"gate by a velocity", "/gate/env", 100, 9, 1},
		{"gate by a faint velocity", "/gate/env", float32(0.3), 9, 1},
		{"gate by less than nothing", "/gate/env", -1, 9, 0},
		{"a gate as a parameter", "/mod/sine1/gate", 100, 9, 1},
		{"a gate as a parameter, faint", "/mod/sine1/gate", float32(0.3), 9, 1},
		{"a gate as a parameter, closed", "/mod/sine1/gate", math.Copysign(0, -1), 9, 0},
		{"T for a number", "/mod/sine1/amp", true, 4, 1},
		{"F for a number", "/mod/sine1/amp", false, 4, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []command.Command
			s := &Server{}
			s.datagram(testRouter(&got), packet(t, c.address, c.arg), sender, 17)
			require.Zero(t, s.Bad.Load())
			want := command.Command{Address: c.word, Value: c.value, RecvNS: 17, Frame: command.Untimed}
			require.Equal(t, []command.Command{want}, got)
			require.Equal(t, math.Signbit(c.value), math.Signbit(got[0].Value))
		})
	}
}

func TestGoodCommandsOfABundleArriveTogetherWhateverIsBadInIt(t *testing.T) {
	good := func(v int) []byte { return packet(t, "/mod/sine1/freq", v) }
	unknown := packet(t, "/mod/other/freq", 1)
	malformed := raw("/mod/sine1/freq", ",f", "")
	for _, c := range []struct {
		name     string
		elements [][]byte
		want     []float64
		bad      uint64
	}{
		{"all good", [][]byte{good(1), good(2)}, []float64{1, 2}, 0},
		{"first unknown", [][]byte{unknown, good(2)}, []float64{2}, 1},
		{"last unknown", [][]byte{good(1), good(2), unknown}, []float64{1, 2}, 1},
		{"last malformed", [][]byte{good(1), good(2), malformed}, []float64{1, 2}, 1},
		{"middle bad", [][]byte{good(1), unknown, malformed, good(2)}, []float64{1, 2}, 1},
		{"all bad", [][]byte{unknown, malformed}, nil, 1},
		{"last in an inner bundle", [][]byte{good(1), bundle(soon, good(2), unknown)}, []float64{1, 2}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var calls [][]float64
			r := testRouter(nil)
			r.Sink = func(commands []command.Command) bool {
				var values []float64
				for _, c := range commands {
					values = append(values, c.Value)
				}
				calls = append(calls, values)
				return true
			}
			s := &Server{}
			s.datagram(r, bundle(Immediately, c.elements...), sender, 1)
			s.datagram(r, good(99), sender, 1) // must not be joined by a rest of the bundle
			want := [][]float64{{99}}
			if c.want != nil {
				want = [][]float64{c.want, {99}}
			}
			require.Equal(t, want, calls)
			require.Equal(t, c.bad, s.Bad.Load())
		})
	}
}

// TestWhatLeavesNoDoubtIsAccepted lists deviations from the specification, or
// rarely used parts of it, that leave no doubt.
func TestWhatLeavesNoDoubtIsAccepted(t *testing.T) {
	good := packet(t, "/mod/sine1/freq", 1)
	unpadded := append(bytes.Clone(good), 0) // 29 bytes
	odd := bundle(Immediately, good)
	for _, c := range []struct {
		name    string
		data    []byte
		actions int
	}{
		{"stop without type tags", []byte("/engine/stop\x00\x00\x00\x00"), 1},
		{"status without type tags, and zeros", []byte("/engine/status\x00\x00\x00\x00\x00\x00"), 1},
		{"check without type tags in a bundle", bundle(Immediately, []byte("/engine/check\x00\x00\x00")), 1},
		{"a button's 1.0", packet(t, "/engine/stop", float32(1)), 1},
		{"a button's T", packet(t, "/engine/stop", true), 1},
		{"a button's 0.0 does nothing", packet(t, "/engine/stop", float32(0)), 0},
		{"zeros after a message", append(bytes.Clone(good), make([]byte, 8)...), -1},
		{"one zero after a message", unpadded, -1},
		{"zeros after a bundle", append(bytes.Clone(odd), make([]byte, 12)...), -1},
		{"a few zeros after a bundle", append(bytes.Clone(odd), make([]byte, 3)...), -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []command.Command
			r := testRouter(&got)
			actions := 0
			for _, address := range []string{StatusAddress, CheckAddress, "/engine/stop"} {
				r.on(address, func(Request) { actions++ })
			}
			s := &Server{}
			s.datagram(r, c.data, sender, 1)
			require.Zero(t, s.Bad.Load())
			if c.actions < 0 {
				require.Len(t, got, 1)
				return
			}
			require.Equal(t, c.actions, actions)
		})
	}
}

// TestBrokenElementDoesNotCostTheGoodOnes covers mistakes in the framing, where
// go-osc and most other readers give up the datagram.
func TestBrokenElementDoesNotCostTheGoodOnes(t *testing.T) {
	good := func(v int) []byte { return packet(t, "/mod/sine1/freq", v) }
	two := bundle(Immediately, good(1), good(2))
	for _, c := range []struct {
		name string
		data []byte
		want []float64
	}{
		{"an element larger than the rest", append(bytes.Clone(two), 0, 0, 1, 0), []float64{1, 2}},
		{"half a size", append(bytes.Clone(two), 0, 1), []float64{1, 2}},
		{"an impossible size", append(bytes.Clone(two), 0, 0, 0, 3, 1, 2, 3), []float64{1, 2}},
		{"an empty element", bundle(Immediately, good(1), nil, good(2)), []float64{1, 2}},
		{"nested too deep", bundle(Immediately, good(1), nest(maxDepth, good(9)), good(2)), []float64{1, 2}},
		{
			"cut off in an inner bundle",
			bundle(Immediately, good(1), append(bundle(Immediately, good(3)), 0, 0, 1, 0), good(2)),
			[]float64{1, 3, 2},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []command.Command
			s := &Server{}
			s.datagram(testRouter(&got), c.data, sender, 1)
			var values []float64
			for _, c := range got {
				values = append(values, c.Value)
			}
			require.Equal(t, c.want, values)
			require.EqualValues(t, 1, s.Bad.Load())
		})
	}
}

func TestValueOutOfRangeIsClampedCountedAndNamed(t *testing.T) {
	var got []command.Command
	var lines []string
	r := testRouter(&got)
	r.Routes[0].Param = func([]string) (Param, error) {
		return Param{Word: 3, Name: "sine1/freq", Min: -20, Max: 20000, Unit: "Hz"}, nil
	}
	r.ClampNotice.Write = func(l string) { lines = append(lines, l) }
	s := &Server{}
	for _, v := range []float64{20000, 20001, -20, -21, 1e300} {
		s.datagram(r, packet(t, "/mod/sine1/freq", v), sender, 1)
	}
	r.ClampNotice.Flush(math.MaxInt64)
	var values []float64
	for _, c := range got {
		values = append(values, c.Value)
	}
	require.Equal(t, []float64{20000, 20000, -20, -20, 20000}, values)
	require.EqualValues(t, 3, r.Clamped.Load())
	require.Zero(t, s.Bad.Load())
	require.Equal(t, []string{
		`"/mod/sine1/freq" from 127.0.0.1:9000: 20001 is outside -20 to 20000 Hz: 20000 is taken`,
		`"/mod/sine1/freq" from 127.0.0.1:9000: 1e+300 is outside -20 to 20000 Hz: 20000 is taken (and 1 more before it)`,
	}, lines)
}

func TestCheckAnswersWhatBecameOfItsBundle(t *testing.T) {
	check := packet(t, CheckAddress)
	for _, c := range []struct {
		name    string
		message []byte
		full    bool
		want    string
	}{
		{"taken", packet(t, "/mod/sine1/freq", 1), false, ""},
		{"timed", bundle(soon, packet(t, "/mod/sine1/freq", 1)), false, ""},
		{
			"a string", packet(t, "/mod/sine1/freq", "x"), false,
			`refused: "/mod/sine1/freq": want a number, got the string "x"`,
		},
		{
			"a pattern", packet(t, "/mod/*/freq", 1), false,
			`refused: "/mod/*/freq": address patterns are not supported: name one address`,
		},
		{"out of range", packet(t, "/engine/gain", 7), false, `clamped: "/engine/gain": 7 is outside 0 to 1: 1 is taken`},
		{"full", packet(t, "/mod/sine1/freq", 1), true, "dropped: too many commands wait"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := testRouter(nil)
			r.Sink = func([]command.Command) bool { return !c.full }
			for i := range r.Routes {
				if r.Routes[i].Address == "/engine/gain" {
					r.Routes[i].Param = func([]string) (Param, error) { return Param{Max: 1}, nil }
				}
			}
			problem := "not asked"
			r.on(CheckAddress, func(q Request) { problem = q.Problem })
			(&Server{}).datagram(r, bundle(Immediately, c.message, check), sender, 1)
			require.Equal(t, c.want, problem)
		})
	}
}

// TestTimeTagsOfAnotherEpochAreLate sends what clients send that count from
// another year than 1900. liblo and sclang act at once too.
func TestTimeTagsOfAnotherEpochAreLate(t *testing.T) {
	unix := uint64(1_790_000_001)
	for _, c := range []struct {
		name string
		tag  uint64
		says string
	}{
		{"Unix seconds", unix << 32, "days ahead"},
		{"seconds since 2001", (unix - 978307200) << 32, "days ahead"},
		{"seconds since the client's start", 7 << 32, "days ahead"},
		{"the end of time", 1<<64 - 1, "days ahead"},
		{"an hour behind", soon - 3600<<32, "3599 s behind"},
		{"a year behind", soon - 31536000<<32, "365 days behind"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []command.Command
			var lines []string
			r := testRouter(&got)
			r.ClockNotice.Write = func(l string) { lines = append(lines, l) }
			s := &Server{}
			s.datagram(r, bundle(c.tag, packet(t, "/mod/sine1/freq", 1)), sender, 1)
			require.Zero(t, s.Bad.Load())
			require.Equal(t, []int64{0}, frames(got), "frame 0 is late, and a worker counts it")
			require.Len(t, lines, 1)
			require.Contains(t, lines[0], c.says+": check the client's clock; acts at once")
		})
	}
}

func TestAcceptedMessagesAreTraced(t *testing.T) {
	var got []command.Command
	var lines []string
	r := testRouter(&got)
	r.Trace = func(l string) { lines = append(lines, l) }
	s := &Server{}
	freq, gate := packet(t, "/mod/sine1/freq", float32(440)), packet(t, "/gate/env", 100)
	s.datagram(r, bundle(soon, freq, bundle(Immediately, gate)), sender, 1)
	s.datagram(r, packet(t, "/engine/stop"), sender, 1)
	s.datagram(r, packet(t, "/nothing"), sender, 1)
	require.Equal(t, []string{
		`"/mod/sine1/freq" [440] from 127.0.0.1:9000 sets sine1/freq at frame 88200: 440`,
		`"/gate/env" [100] from 127.0.0.1:9000 sets env/gate: 1`,
		`"/engine/stop" [] from 127.0.0.1:9000 is done: 1`,
	}, lines)
}

func TestRefusedCommandsAreNotBad(t *testing.T) {
	r := testRouter(nil)
	r.Sink = func([]command.Command) bool { return false }
	s := &Server{}
	one := packet(t, "/mod/sine1/freq", 1)
	s.datagram(r, one, sender, 1)
	s.datagram(r, bundle(Immediately, one, one, one), sender, 1)
	require.Zero(t, s.Bad.Load())
}

func TestTimeTagsBecomeFrames(t *testing.T) {
	good := func(v int) []byte { return packet(t, "/mod/sine1/freq", v) }
	const at = 2 * 44100 // soon
	for _, c := range []struct {
		name string
		data []byte
		want []int64 // frames
	}{
		{"no bundle", good(1), []int64{command.Untimed}},
		{"immediately", bundle(Immediately, good(1)), []int64{command.Untimed}},
		{"time tag 0", bundle(0, good(1)), []int64{command.Untimed}},
		{"soon", bundle(soon, good(1), good(2)), []int64{at, at}},
		{"before the start", bundle(soon-100<<32, good(1)), []int64{0}},
		{
			"a bundle in a bundle has a time tag of its own",
			bundle(soon, good(1), bundle(soon+1<<32, good(2)), good(3)),
			[]int64{at, at + 44100, at},
		},
		{
			"an immediate bundle in a timed one",
			bundle(soon, bundle(Immediately, good(1)), good(2)),
			[]int64{command.Untimed, at},
		},
		{"/engine/freq", bundle(soon, packet(t, "/engine/freq", 1)), []int64{at}},
		{"tags beyond the horizon are left out", bundle(soon, bundle(soon+60<<32, good(1)), good(2)), []int64{at}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []command.Command
			s := &Server{}
			s.datagram(testRouter(&got), c.data, sender, 1)
			require.Equal(t, c.want, frames(got))
		})
	}
}

func frames(commands []command.Command) (frames []int64) {
	for _, c := range commands {
		frames = append(frames, c.Frame)
	}
	return frames
}

// TestOneDatagramIsReadByOneTimeline has the clocks change all the time.
// Commands meant for the same frame must still get the same frame.
func TestOneDatagramIsReadByOneTimeline(t *testing.T) {
	var got []command.Command
	var asked []int64
	r := testRouter(&got)
	r.Timeline = func(recvNS int64) Timeline {
		asked = append(asked, recvNS)
		tl := testTimeline(0)
		tl.Frame += int64(len(asked))
		return tl
	}
	s := &Server{}
	one := packet(t, "/mod/sine1/freq", 1)
	s.datagram(r, bundle(soon, one, bundle(soon+1<<32, one), one, raw("/mod/sine1/freq", ",f", "")), sender, 7)
	s.datagram(r, one, sender, 8)
	s.datagram(r, bundle(soon, one), sender, 9)
	require.Equal(t, []int64{7, 9}, asked)
	require.Equal(t, []int64{88201, 132301, 88201, command.Untimed, 88202}, frames(got))
}

func TestWithoutATimelineTimeTagsAreIgnored(t *testing.T) {
	var got []command.Command
	r := testRouter(&got)
	r.Timeline = nil
	(&Server{}).datagram(r, bundle(1<<64-1, packet(t, "/mod/sine1/freq", 1)), sender, 1)
	require.Equal(t, []int64{command.Untimed}, frames(got))
}

func TestActionsComeAfterTheCommandsOfTheirDatagram(t *testing.T) {
	var got []command.Command
	r := testRouter(&got)
	stopped := -1
	r.on("/engine/stop", func(q Request) {
		require.Equal(t, sender, q.From)
		stopped = len(got)
	})
	s := &Server{}
	s.datagram(r, bundle(Immediately, packet(t, "/engine/stop"), packet(t, "/mod/sine1/freq", 1)), sender, 1)
	require.Equal(t, 1, stopped)
	s.datagram(r, packet(t, "/mod/sine1/freq", 2), sender, 1)
	require.Equal(t, 1, stopped, "once")
	require.Zero(t, s.Bad.Load())
}

func TestAddressMatchesItsRoutePartByPart(t *testing.T) {
	for _, c := range []struct {
		route, address string
		names          []string
		ok             bool
	}{
		{"/engine/stop", "/engine/stop", nil, true},
		{"/engine/stop", "/engine/stop/", nil, false},
		{"/engine/stop", "/engine", nil, false},
		{"/engine/stop", "/engine/stops", nil, false},
		{"/engine/stop", "/Engine/stop", nil, false},
		{"/gate/<id>", "/gate/env", []string{"env"}, true},
		{"/gate/<id>", "/gate/<id>", []string{"<id>"}, true},
		{"/gate/<id>", "/gate/", nil, false},
		{"/gate/<id>", "/gate", nil, false},
		{"/gate/<id>", "/gate/a/b", nil, false},
		{"/mod/<id>/<param>", "/mod/sine1/freq", []string{"sine1", "freq"}, true},
		{"/mod/<id>/<param>", "/mod//freq", nil, false},
		{"/mod/<id>/<param>", "//mod/sine1/freq", nil, false},
	} {
		names, ok := match(c.route, c.address)
		require.Equal(t, c.ok, ok, c.address)
		require.Equal(t, c.names, names, c.address)
	}
}
