package osc

import (
	"math"
	"net/netip"
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

func TestRefusedCommandsAreCountedAndNotBad(t *testing.T) {
	r := testRouter(nil)
	r.Sink = func([]command.Command) bool { return false }
	s := &Server{}
	one := packet(t, "/mod/sine1/freq", 1)
	s.datagram(r, one, sender, 1)
	s.datagram(r, bundle(Immediately, one, one, one), sender, 1)
	require.EqualValues(t, 4, r.Refused.Load())
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
	r.on("/engine/stop", func(from netip.AddrPort) {
		require.Equal(t, sender, from)
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
