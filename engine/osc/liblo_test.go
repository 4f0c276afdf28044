package osc

import (
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestOscsend is what liblo's command line sends, an OSC peer that nobody here wrote.
func TestOscsend(t *testing.T) {
	oscsend, err := exec.LookPath("oscsend")
	if err != nil {
		t.Skip("no oscsend here: install liblo-tools")
	}
	got := make(chan Command, 16)
	var none []Command
	r := testRouter(&none)
	r.Sink = func(c Command) bool { got <- c; return true }
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
		case cmd := <-got:
			require.Equal(t, c.address, cmd.Address, c.args)
			require.Equal(t, c.value, cmd.Value, c.args)
			require.Zero(t, cmd.At)
		case <-time.After(patience):
			t.Fatal(c.args, " did not arrive")
		}
	}
	require.Zero(t, s.Bad.Load())
}
