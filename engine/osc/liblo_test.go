package osc

import (
	"net"
	"os/exec"
	"testing"
	"time"

	"chronus/engine/command"

	"github.com/stretchr/testify/require"
)

// TestOscsend receives what liblo's command-line client sends, an OSC
// implementation independent of this one.
func TestOscsend(t *testing.T) {
	oscsend, err := exec.LookPath("oscsend")
	if err != nil {
		t.Skip("oscsend not found: install liblo-tools")
	}
	got := make(chan []command.Command, 16)
	r := testRouter(nil)
	r.Sink = func(c []command.Command) bool { got <- c; return true }
	s := listen(t)
	serve(t, s, r)
	_, port, err := net.SplitHostPort(s.Addr())
	require.NoError(t, err)
	for _, c := range []struct {
		args    []string
		address uint32
		value   float64
	}{
		{[]string{"/mod/sine1/freq", "i", "-440"}, 3, -440},
		{[]string{"/mod/sine1/freq", "h", "1099511627776"}, 3, 1 << 40},
		{[]string{"/mod/sine1/amp", "f", "0.1"}, 4, float64(float32(0.1))},
		{[]string{"/mod/sine1/amp", "d", "0.1"}, 4, 0.1},
		{[]string{"/gate/env", "T"}, 9, 1},
		{[]string{"/gate/env", "F"}, 9, 0},
		{[]string{"/gate/env", "i", "1"}, 9, 1},
		{[]string{"/engine/freq", "f", "220"}, 3, 220},
	} {
		out, err := exec.Command(oscsend, append([]string{"osc.udp://127.0.0.1:" + port}, c.args...)...).CombinedOutput()
		require.NoError(t, err, string(out))
		select {
		case cmds := <-got:
			require.Len(t, cmds, 1)
			require.Equal(t, c.address, cmds[0].Address, c.args)
			require.Equal(t, c.value, cmds[0].Value, c.args)
			require.False(t, cmds[0].Timed())
		case <-time.After(patience):
			t.Fatal(c.args, " did not arrive")
		}
	}
	require.Zero(t, s.Bad.Load())
}
