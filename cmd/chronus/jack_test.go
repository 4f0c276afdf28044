//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"chronus/engine"
	"chronus/engine/control"
	"chronus/engine/rig"
	"chronus/engine/sink"
)

// jack is a JACK server without hardware, which plays at 48,000 Hz.
type jack struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	said rig.Log // what the server printed
}

// newJack returns a server that does not run yet. The test's processes find it
// by the environment.
func newJack(t *testing.T) *jack {
	t.Helper()
	for _, program := range []string{"jackd", "jack_lsp", "jack_bufsize"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not on PATH (make deps installs it)", program)
		}
	}
	// Without a PCM in ALSA's configuration, PortAudio aborts.
	config := filepath.Join(t.TempDir(), "asound.conf")
	require.NoError(t, os.WriteFile(config,
		[]byte("pcm.!default { type null hint { show on description \"default\" } }\n"), 0o600))
	j := &jack{t: t, name: fmt.Sprintf("chronus-test-%d", os.Getpid())}
	t.Setenv("ALSA_CONFIG_PATH", config)
	t.Setenv("JACK_DEFAULT_SERVER", j.name)
	t.Setenv("JACK_NO_AUDIO_RESERVATION", "1")
	t.Cleanup(j.stop)
	return j
}

func (j *jack) start() {
	j.t.Helper()
	j.cmd = exec.Command("jackd", "-n", j.name, "--no-realtime", "--no-mlock",
		"-d", "dummy", "-r", "48000", "-p", "256", "-C", "0", "-P", "2")
	j.cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	j.cmd.Stdout, j.cmd.Stderr = &j.said, &j.said
	require.NoError(j.t, j.cmd.Start())
	for begin := time.Now(); exec.Command("jack_lsp").Run() != nil; time.Sleep(20 * time.Millisecond) {
		require.Less(j.t, time.Since(begin), patience, "jackd does not start")
	}
}

// renew starts the server anew: what the engine of the test before left in it
// is gone.
func (j *jack) renew() {
	j.t.Helper()
	j.stop()
	j.start()
}

// answering skips the rest of a test if the server does not answer any more:
// without SCHED_FIFO, as here, a busy machine can make it.
func (j *jack) answering(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("jack_lsp").CombinedOutput(); err != nil {
		t.Skipf("jackd does not answer: %v: %s; it said: %s", err, out, j.said.String())
	}
}

func (j *jack) stop() {
	if j.cmd != nil {
		_ = j.cmd.Process.Signal(unix.SIGTERM)
		_ = j.cmd.Wait()
		j.cmd = nil
	}
}

// connections lists the ports of the server and what each is connected to.
func (j *jack) connections(t *testing.T) string {
	t.Helper()
	j.answering(t)
	out, err := exec.Command("jack_lsp", "-c").Output()
	require.NoError(t, err, "jackd said: %s", j.said.String())
	return string(out)
}

func TestJackAtARateOfItsOwn(t *testing.T) {
	exe, _ := portAudio(t)
	j := newJack(t)
	playing := func(st *control.Status) bool { return st.Device != nil && st.Device.State == control.DevicePlaying }

	t.Run("a server that starts later sets the rate", func(t *testing.T) {
		h := play(t, beside(t, exe), "--sink", "portaudio:system")
		h.until("it waits", func(st *control.Status) bool { return st.Device.Why != "" })
		j.start()
		st := h.until("it plays", playing)
		require.Equal(t, 48000, st.Rate)
		require.EqualValues(t, 1, st.Player.Generation)
		h.signal(unix.SIGTERM)
		require.Equal(t, exitPass, h.end(), h.log)
		require.Contains(t, h.log.String(), "starting again at the rate of the device")
	})

	t.Run("two engines have names, and the latency follows the server's buffer", func(t *testing.T) {
		h := play(t, beside(t, exe), "--sink", "portaudio:system", "--name", "hall 2")
		st := h.until("it plays", playing)
		require.Equal(t, 48000, st.Rate)
		before := st.Device.LatencyNS
		require.Contains(t, j.connections(t), "system:playback_1\n   hall 2:out_0\n")
		require.NoError(t, exec.Command("jack_bufsize", "1024").Run())
		h.until("the latency follows", func(st *control.Status) bool {
			return playing(st) && st.Device.LatencyNS-before == (1024-256)*int64(time.Second)/48000
		})
		require.NoError(t, exec.Command("jack_bufsize", "256").Run())
		h.signal(unix.SIGTERM)
		require.Equal(t, exitPass, h.end(), h.log)
	})

	t.Run("another rate is refused in one line, which names the right one", func(t *testing.T) {
		j.renew()
		dir := bin(t)
		require.NoError(t, os.Symlink(exe, filepath.Join(dir, "chronus-portaudio")))
		runBin = dir
		defer func() { runBin = "" }()
		files := t.TempDir()
		for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) { // the server is done with the engine before
			list, err := engine.Devices(dir, "")
			if d, miss := sink.Find(list, "system"); err == nil && miss == nil && d.FixedRate {
				break
			}
			require.Less(t, time.Since(begin), patience, err)
		}
		code, out, errOut := call("run", "--sink", "portaudio:system", "--rate", "44100", "--osc-port", "0",
			"--duration", "5s", "--control", filepath.Join(files, "s"), "--tape", filepath.Join(files, "a.tape"))
		j.answering(t)
		require.Equal(t, exitUsage, code, errOut)
		require.Empty(t, out)
		require.Equal(t, 1, strings.Count(errOut, "\n"), errOut)
		require.Contains(t, errOut, "system plays at 48000 Hz only, and the engine at 44100 Hz: start it with --rate 48000")
		require.Empty(t, names(t, files), "nothing is left behind")
	})

	t.Run("a name with the signs of a regular expression is found and connected", func(t *testing.T) {
		j.renew()
		const name = "amp (L+R) [2] *x"
		client := filepath.Join(t.TempDir(), "client")
		if out, err := exec.Command("gcc", "-o", client, "testdata/oddports.c", "-l:libjack.so.0").CombinedOutput(); err != nil {
			t.Skipf("no client of JACK can be built: %v: %s", err, out)
		}
		c := exec.Command(client, name)
		c.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
		require.NoError(t, c.Start())
		defer func() {
			_ = c.Process.Kill()
			_ = c.Wait()
		}()
		for begin := time.Now(); !strings.Contains(j.connections(t), name+":in 2"); time.Sleep(20 * time.Millisecond) {
			require.Less(t, time.Since(begin), patience)
		}
		h := play(t, beside(t, exe), "--sink", "portaudio:"+name)
		h.until("it plays", playing)
		require.Contains(t, j.connections(t), name+":in 1\n   chronus:out_0\n")
		require.Contains(t, j.connections(t), name+":in 2\n   chronus:out_1\n")
		h.signal(unix.SIGTERM)
		require.Equal(t, exitPass, h.end(), h.log) // ports without hardware have no latency to wait for
	})
}
