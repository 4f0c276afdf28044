package osc

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNumbersOfEveryTypeBecomeCommands(t *testing.T) {
	for _, c := range []struct {
		name    string
		address string
		arg     any
		want    Command
	}{
		{"int32", "/mod/sine1/freq", int32(-440), Command{Address: 3, Value: -440}},
		{"int64", "/mod/sine1/freq", int64(1) << 40, Command{Address: 3, Value: 1 << 40}},
		{"float32", "/mod/sine1/amp", float32(0.1), Command{Address: 4, Value: float64(float32(0.1))}},
		{"float64", "/mod/sine1/amp", 0.1, Command{Address: 4, Value: 0.1}},
		{"largest float64", "/mod/sine1/amp", math.MaxFloat64, Command{Address: 4, Value: math.MaxFloat64}},
		{"engine frequency", "/engine/freq", 220, Command{Address: 3, Value: 220}},
		{"gate by int", "/gate/env", 1, Command{Address: 9, Value: 1}},
		{"gate by float", "/gate/env", float32(0), Command{Address: 9, Value: 0}},
		{"gate by negative zero", "/gate/env", math.Copysign(0, -1), Command{Address: 9, Value: 0}},
		{"gate by T", "/gate/env", true, Command{Address: 9, Value: 1}},
		{"gate by F", "/gate/env", false, Command{Address: 9, Value: 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []Command
			s := &Server{}
			s.datagram(testRouter(&got), packet(t, c.address, c.arg), somebody, 17)
			require.Zero(t, s.Bad.Load())
			c.want.RecvNS, c.want.BundleEnd = 17, true
			require.Equal(t, []Command{c.want}, got)
			require.Equal(t, math.Signbit(c.want.Value), math.Signbit(got[0].Value))
		})
	}
}

func TestLastGoodCommandEndsTheBundleWhateverIsBadInIt(t *testing.T) {
	good := func(v int) []byte { return packet(t, "/mod/sine1/freq", v) }
	unknown := packet(t, "/mod/nobody/freq", 1)
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
			var got []Command
			r := testRouter(&got)
			s := &Server{}
			s.datagram(r, bundle(Immediately, c.elements...), somebody, 1)
			s.datagram(r, good(99), somebody, 1) // nothing of the bundle is left to join it
			var values []float64
			var ends []bool
			for _, cmd := range got {
				values, ends = append(values, cmd.Value), append(ends, cmd.BundleEnd)
			}
			wantEnds := make([]bool, len(c.want), len(c.want)+1)
			if len(c.want) > 0 {
				wantEnds[len(c.want)-1] = true
			}
			require.Equal(t, append(c.want, 99), values)
			require.Equal(t, append(wantEnds, true), ends)
			require.Equal(t, c.bad, s.Bad.Load())
		})
	}
}

func TestRefusedCommandIsCountedAndNotBad(t *testing.T) {
	var got []Command
	r := testRouter(&got)
	r.Sink = func(Command) bool { return false }
	s := &Server{}
	s.datagram(r, packet(t, "/mod/sine1/freq", 1), somebody, 1)
	require.EqualValues(t, 1, r.Refused.Load())
	require.Zero(t, s.Bad.Load())
}

func TestTimeTagsBecomeFrames(t *testing.T) {
	good := func(v int) []byte { return packet(t, "/mod/sine1/freq", v) }
	const at = 2*44100 + 1 // soon
	for _, c := range []struct {
		name string
		data []byte
		want []int64 // At
	}{
		{"no bundle", good(1), []int64{0}},
		{"immediately", bundle(Immediately, good(1)), []int64{0}},
		{"time tag 0", bundle(0, good(1)), []int64{0}},
		{"soon", bundle(soon, good(1), good(2)), []int64{at, at}},
		{"before the start", bundle(soon-100<<32, good(1)), []int64{1}},
		{"a bundle in a bundle has its own", bundle(soon, good(1), bundle(soon+1<<32, good(2)), good(3)), []int64{at, at + 44100, at}},
		{"a bundle for now in one for later", bundle(soon, bundle(Immediately, good(1)), good(2)), []int64{0, at}},
		{"/engine/freq", bundle(soon, packet(t, "/engine/freq", 1)), []int64{at}},
		{"too far ones are left out", bundle(soon, bundle(soon+60<<32, good(1)), good(2)), []int64{at}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []Command
			s := &Server{}
			s.datagram(testRouter(&got), c.data, somebody, 1)
			var at []int64
			for _, cmd := range got {
				at = append(at, cmd.At)
			}
			require.Equal(t, c.want, at)
		})
	}
}

// TestOneDatagramIsReadByOneTimeline: whatever happens to the clocks meanwhile, what is meant for one frame is for one frame.
func TestOneDatagramIsReadByOneTimeline(t *testing.T) {
	var got []Command
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
	s.datagram(r, bundle(soon, one, bundle(soon+1<<32, one), one, raw("/mod/sine1/freq", ",f", "")), somebody, 7)
	s.datagram(r, one, somebody, 8)
	s.datagram(r, bundle(soon, one), somebody, 9)
	require.Equal(t, []int64{7, 9}, asked)
	require.Equal(t, []int64{88202, 132302, 88202, 0, 88203}, []int64{got[0].At, got[1].At, got[2].At, got[3].At, got[4].At})
}

func TestWithoutATimelineTimeTagsMeanNothing(t *testing.T) {
	var got []Command
	r := testRouter(&got)
	r.Timeline = nil
	(&Server{}).datagram(r, bundle(1<<64-1, packet(t, "/mod/sine1/freq", 1)), somebody, 1)
	require.Zero(t, got[0].At)
}

func TestStopComesAfterTheCommandsOfItsDatagram(t *testing.T) {
	var got []Command
	r := testRouter(&got)
	stopped := -1
	r.Stop = func() { stopped = len(got) }
	s := &Server{}
	s.datagram(r, bundle(Immediately, packet(t, "/engine/stop"), packet(t, "/mod/sine1/freq", 1)), somebody, 1)
	require.Equal(t, 1, stopped)
	s.datagram(r, packet(t, "/mod/sine1/freq", 2), somebody, 1)
	require.Equal(t, 1, stopped, "once")
	require.Zero(t, s.Bad.Load())
}

func TestWithoutAnEngineThereAreNoEngineAddresses(t *testing.T) {
	var got []Command
	r := testRouter(&got)
	r.ResolveEngine, r.Status, r.Stop = nil, nil, nil
	for _, name := range []string{"freq", "gain", "status", "stop"} {
		s := &Server{}
		s.datagram(r, packet(t, "/engine/"+name), somebody, 1)
		require.EqualValues(t, 1, s.Bad.Load(), name)
	}
}
