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
		{"last in an inner bundle", [][]byte{good(1), bundle(3, good(2), unknown)}, []float64{1, 2}, 1},
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
