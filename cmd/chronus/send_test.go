//go:build linux

package main

import (
	"fmt"
	"math"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chronus/engine/control"
	"chronus/engine/osc"
)

// heard is a message as it arrived.
type heard struct {
	address string
	args    []any
	tag     uint64
}

// receiver listens for OSC and answers questions for the status.
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

func TestSendTypesArgumentsByTheirLook(t *testing.T) {
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

func TestSendTakesItsPlaceFromTheEnvironment(t *testing.T) {
	port, got := receiver(t)
	t.Setenv("CHRONUS_OSC_PORT", port)
	t.Setenv("CHRONUS_OSC_HOST", "127.0.0.1")
	code, _, errOut := call("send", "/gate/adsr1", "1")
	require.Equal(t, exitPass, code, errOut)
	require.Equal(t, heard{"/gate/adsr1", []any{int32(1)}, osc.Immediately}, <-got)
}

func TestSendAtIsABundleForThen(t *testing.T) {
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

func TestSendToNobodyIsOneLine(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := c.LocalAddr().String()
	require.NoError(t, c.Close())
	_, port, _ := net.SplitHostPort(addr)
	for _, address := range []string{"/x", "/engine/status"} {
		code, out, errOut := call("send", "--osc-port", port, address)
		require.Equal(t, exitFail, code)
		require.Empty(t, out)
		require.Equal(t, "chronus: osc: "+addr+": nothing is listening there\n", errOut)
	}
}

func TestSendRefusesWhatTheEngineWould(t *testing.T) {
	for _, c := range []struct {
		args string
		says string
	}{
		{"send", "<address>"},
		{"send x 1", "neither a message nor a bundle"},
		{"send /x i:1.5", "i:1.5: want an int32"},
		{"send /x i:3000000000", "want an int32"},
		{"send /x h:x", "want an int64"},
		{"send /x f:nan", "want a finite float32"},
		{"send /x f:1e300", "want a finite float32"},
		{"send /x d:inf", "want a finite float64"},
		{"send --at 61s /x", "--at 1m1s: must be 0 to 1m0s"},
		{"send --at=-1s /x", "--at -1s: must be 0 to 1m0s"},
		{"send --osc-port 0 /x", "--osc-port 0: must be 1 to 65535"},
		{"send --osc-port 70000 /x", "--osc-port 70000"},
		{"send --osc-host no.such.host.invalid /x", "no.such.host.invalid:5005"},
		{"send /x " + strings.Repeat("1 ", 65), "65 arguments (at most 64)"},
	} {
		t.Run(c.args, func(t *testing.T) {
			code, out, errOut := call(strings.Fields(c.args)...)
			require.Equal(t, exitUsage, code, errOut)
			require.Empty(t, out)
			require.Equal(t, 1, strings.Count(errOut, "\n"), errOut)
			require.Contains(t, errOut, c.says)
		})
	}
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

// TestEngineIsAskedAndStoppedByOSC is a whole engine: asked for its status, given a command for later, and stopped.
func TestEngineIsAskedAndStoppedByOSC(t *testing.T) {
	sock := filepath.Join(t.TempDir(), "c.sock")
	runBin = bin(t)
	defer func() { runBin = "" }()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	port := fmt.Sprint(c.LocalAddr().(*net.UDPAddr).Port)
	require.NoError(t, c.Close())
	done := make(chan string, 1)
	go func() {
		code, _, errOut := call("run", "--osc-port", port, "--control", sock, "--sink", "clock", "--duration", "60s", "--lead", "24", "--idle-phrase")
		done <- fmt.Sprint(code, "\n", errOut)
	}()
	status := func() map[string]string {
		_, out, _ := call("send", "--osc-port", port, "/engine/status")
		all := map[string]string{}
		for line := range strings.Lines(out) {
			if f := strings.Fields(line); len(f) == 2 {
				all[f[0]] = f[1]
			}
		}
		return all
	}
	require.Eventually(t, func() bool { return status()["state"] == control.StatePlaying }, 30*time.Second, 150*time.Millisecond)
	require.Equal(t, "0", status()["bad_packets"])
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"/mod/sine1/freq x", exitUsage, `refused: "/mod/sine1/freq": want a number, got the string "x"`},
		{"/mod/*/freq 1", exitUsage, `refused: "/mod/*/freq": address patterns are not supported: name one address`},
		{"/mod/sin1/freq 1", exitUsage, `refused: "/mod/sin1/freq": no module "sin1" (the patch has: sine1)`},
		{"--at 1s /engine/stop", exitUsage, `refused: "/engine/stop": cannot be timed`},
		{"/engine/stop 0", exitPass, ""},
		{"/engine/status 0", exitPass, ""},
		{"/engine/check", exitPass, "ok\n"},
	} {
		code, out, errOut := call(append([]string{"send", "--osc-port", port}, strings.Fields(c.args)...)...)
		require.Equal(t, c.code, code, c.args)
		if code == exitPass {
			require.Equal(t, c.says, out)
		} else {
			require.Equal(t, "chronus: "+c.says+"\n", errOut)
		}
	}
	code, out, _ := call("send", "--osc-port", port, "/engine/freq", "-1e9")
	require.Equal(t, exitPass, code)
	require.Regexp(t, `^clamped: "/engine/freq": -1e\+09 is outside .* Hz: .* is taken\n$`, out)
	code, out, errOut := call("send", "--osc-port", port, "--at", "100ms", "/engine/freq", "220")
	require.Equal(t, exitPass, code, errOut)
	require.Empty(t, out)
	require.Eventually(t, func() bool { return status()["commands"] == "2" }, 30*time.Second, 150*time.Millisecond)
	code, _, errOut = call("send", "--osc-port", port, "/engine/stop")
	require.Equal(t, exitPass, code, errOut)
	said := <-done
	require.True(t, strings.HasPrefix(said, "0\n"), said)
	require.Contains(t, said, "told to stop by OSC")
	require.Contains(t, said, "no idle phrase: it needs an adsr and a sine")
}
