//go:build linux

package main

import (
	"math"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chronus/engine/osc"
)

// heard is a message as it was received.
type heard struct {
	address string
	args    []any
	tag     uint64
}

// receiver listens for OSC messages and answers those that ask for the status.
func receiver(t *testing.T) (port string, messages <-chan heard) {
	s, err := osc.Listen("127.0.0.1", 0)
	require.NoError(t, err)
	got := make(chan heard, 16)
	var done sync.WaitGroup
	done.Go(func() {
		s.Serve(osc.HandlerFunc(func(m *osc.Message) error {
			if m.Address == osc.CheckAddress {
				return nil // as a program that does not know it
			}
			got <- heard{m.Address, m.Args, m.TimeTag}
			if m.Address == osc.StatusAddress && len(m.Args) == 0 && m.TimeTag == osc.Immediately {
				return s.Answer(m.From, osc.StatusAddress, func() []any { return []any{"playing", int32(12)} })
			}
			return nil
		}))
	})
	t.Cleanup(func() {
		_ = s.Close()
		done.Wait()
	})
	_, port, err = net.SplitHostPort(s.Addr())
	require.NoError(t, err)
	return port, got
}

func TestSendTypesArgumentsByTheirForm(t *testing.T) {
	port, got := receiver(t)
	for _, c := range []struct {
		arg  string
		want any
	}{
		{"440", int32(440)},
		{"-440", int32(-440)},
		{"440.0", float32(440)},
		{"-0.5", float32(-0.5)},
		{"1e3", float32(1000)},
		{"5000000000", int64(5000000000)},
		{"true", true},
		{"false", false},
		{"hello", "hello"},
		{"a.b", "a.b"},
		{"nan", "nan"},
		{"x:y", "x:y"},
		{"", ""},
		{"f:440", float32(440)},
		{"i:7", int32(7)},
		{"d:0.1", 0.1},
		{"h:-7", int64(-7)},
		{"s:440", "440"},
	} {
		t.Run(c.arg, func(t *testing.T) {
			code, out, errOut := call("send", "--osc-port", port, "/x", c.arg)
			require.Equal(t, exitPass, code, errOut)
			require.Empty(t, out+errOut)
			require.Equal(t, heard{"/x", []any{c.want}, osc.Immediately}, <-got)
		})
	}
}

func TestSendTakesItsAddressFromTheEnvironment(t *testing.T) {
	port, got := receiver(t)
	t.Setenv("CHRONUS_OSC_PORT", port)
	t.Setenv("CHRONUS_OSC_HOST", "127.0.0.1")
	code, _, errOut := call("send", "/gate/adsr1", "1")
	require.Equal(t, exitPass, code, errOut)
	require.Equal(t, heard{"/gate/adsr1", []any{int32(1)}, osc.Immediately}, <-got)
}

func TestSendAtIsABundleWithThatTime(t *testing.T) {
	port, got := receiver(t)
	before := osc.TimeTag(time.Now().Add(10 * time.Second))
	code, _, errOut := call("send", "--osc-port", port, "--at", "10s", "/x", "1", "-2.5")
	require.Equal(t, exitPass, code, errOut)
	m := <-got
	require.Equal(t, []any{int32(1), float32(-2.5)}, m.args)
	require.GreaterOrEqual(t, m.tag, before)
	require.LessOrEqual(t, m.tag, osc.TimeTag(time.Now().Add(10*time.Second)))
}

func TestSendPrintsTheAnswerToStatus(t *testing.T) {
	port, _ := receiver(t)
	code, out, errOut := call("send", "--osc-port", port, "/engine/status")
	require.Equal(t, exitPass, code, errOut)
	require.Equal(t, "state  playing\nblock  12\n", out)
}

func FuzzArgument(f *testing.F) {
	for _, s := range []string{"440", "440.0", "true", "i:1", "f:nan", "d:1e400", "n:-1", "s:", ":", "1e39"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := oscArg(s)
		if err != nil {
			return
		}
		switch a := v.(type) {
		case float32:
			if f := float64(a); math.IsNaN(f) || math.IsInf(f, 0) {
				t.Fatalf("%q is %v", s, a)
			}
		case float64:
			if math.IsNaN(a) || math.IsInf(a, 0) {
				t.Fatalf("%q is %v", s, a)
			}
		case int32, int64, bool, string:
		default:
			t.Fatalf("%q is a %T", s, v)
		}
	})
}
