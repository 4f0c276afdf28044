//go:build linux

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jfreymuth/pulse/proto"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"chronus/engine"
	"chronus/engine/control"
	"chronus/engine/tape"
	"chronus/harness/listener"
)

// portAudio builds the player for sound devices and starts a sound server. It
// skips the test if the player cannot be built or heard.
func portAudio(t *testing.T) (exe string, pulse *listener.Pulse) {
	t.Helper()
	if why := listener.Missing(); why != "" {
		t.Skip(why)
	}
	if out, err := exec.Command("pkg-config", "--exists", "--print-errors", "portaudio-2.0").CombinedOutput(); err != nil {
		t.Skipf("PortAudio's headers are missing (make deps installs them): %v: %s", err, out)
	}
	exe = filepath.Join(t.TempDir(), "chronus-portaudio")
	build := exec.Command("go", "build", "-tags", "portaudio", "-o", exe, "chronus/cmd/chronus-portaudio")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	pulse, err = listener.StartPulse()
	require.NoError(t, err)
	t.Cleanup(pulse.Close)
	list, err := engine.Devices(filepath.Dir(exe), pulse.Address())
	require.NoError(t, err)
	if len(list) == 0 {
		t.Skip("no device on a PulseAudio server: ALSA's plugin for PulseAudio is missing (make deps installs it)")
	}
	return exe, pulse
}

// beside puts the player for sound devices beside the command's executable.
func beside(t *testing.T, exe string) func(*exec.Cmd) {
	return func(c *exec.Cmd) {
		require.NoError(t, os.Symlink(exe, filepath.Join(filepath.Dir(c.Path), "chronus-portaudio")))
	}
}

func TestSoundDevice(t *testing.T) {
	exe, pulse := portAudio(t)

	t.Run("what is heard is what was delivered, whichever process dies, even the sound server", func(t *testing.T) {
		first, second := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second")
		r, err := pulse.Record(first)
		require.NoError(t, err)
		defer r.Stop()
		h := play(t, beside(t, exe), "--patch", "noise", "--sink", "portaudio", "--pulse-server", pulse.Address())
		events := follow(t, h)
		onDevice := func(st *control.Status) bool {
			return st.Device != nil && st.Device.State == control.DevicePlaying
		}
		whole := func(st *control.Status) bool {
			n := 0
			for _, w := range st.Workers {
				if w.State == control.WorkerRendering || w.State == control.WorkerIdle {
					n++
				}
			}
			return n == st.Replicas+st.Spares && len(st.Workers) == n
		}
		st := h.until("it plays on the device", func(st *control.Status) bool { return onDevice(st) && whole(st) })
		due := st.Block
		var killed []int
		for _, role := range []string{control.RolePrimary, control.RoleStandby} {
			w := st.Workers[slices.IndexFunc(st.Workers, func(w control.Worker) bool { return w.Role == role })]
			killed = append(killed, w.PID)
			require.NoError(t, unix.Kill(w.PID, unix.SIGKILL))
			st = h.until("it is whole again", func(st *control.Status) bool {
				return whole(st) && !slices.ContainsFunc(st.Workers, func(o control.Worker) bool {
					return o.PID == w.PID
				})
			})
		}
		h.plays(50)

		pulse.Kill()
		h.until("it notices", func(st *control.Status) bool {
			return st.Device.State == control.DeviceWaiting && st.Device.Why != ""
		})
		h.plays(50)
		require.NoError(t, pulse.Start())
		r2, err := pulse.Record(second)
		require.NoError(t, err)
		defer r2.Stop()
		again := h.until("it plays on the device again", onDevice).Block
		h.plays(100)
		st = h.until("it is whole", whole)
		require.EqualValues(t, len(killed), st.Restarts)
		require.Zero(t, st.LostFrames)
		h.signal(unix.SIGTERM)
		require.Equal(t, exitPass, h.end(), h.log)
		require.NoError(t, r2.Quiet())
		r2.Stop()
		r.Stop()

		var down []int
		var device []string
		for _, e := range events() {
			switch e.Kind {
			case control.WorkerDown:
				down = append(down, e.PID)
			case control.SinkLost, control.SinkRestored:
				require.NotEmpty(t, e.Cause)
				device = append(device, e.Kind)
			}
		}
		require.Equal(t, killed, down)
		// The device may be lost for one reason and then be missing for
		// another. If the machine starves the sound server for longer than the
		// player waits for it, the device is lost more often, and the blocks
		// that the clock then paces are not heard.
		device = slices.Compact(device)
		require.Equal(t, []string{control.SinkRestored, control.SinkLost, control.SinkRestored}, device[:3])
		starved := len(device) > 3
		code, said, errOut := call("replay", h.tape())
		require.Equal(t, exitPass, code, errOut)
		require.Contains(t, said, "no frame differs")
		quietly(t, h)

		delivered, channels, err := tape.Samples(h.tape())
		require.NoError(t, err)
		for _, part := range []struct {
			path string
			due  uint64
			tail bool // the recording ends before the engine does
		}{{first, due, true}, {second, again, false}} {
			recording, err := listener.ReadRecording(part.path)
			require.NoError(t, err)
			heard, err := listener.Compare(delivered, channels, recording, int(part.due)*st.Frames)
			require.NoError(t, err)
			require.Zero(t, heard.Faults(), heard.Fault)
			require.Positive(t, heard.Compared)
			if part.tail {
				until := (heard.Last + 1) * channels
				heard, err = listener.Compare(delivered[:until], channels, recording, int(part.due)*st.Frames)
				require.NoError(t, err)
			}
			if !starved {
				require.Zero(t, heard.Missing, heard.Fault)
			}
		}
	})

	t.Run("a device that is not there yet is waited for, in one line", func(t *testing.T) {
		h := play(t, beside(t, exe), "--sink", "portaudio:nosuch", "--pulse-server", pulse.Address())
		st := h.until("it waits", func(st *control.Status) bool { return st.Device != nil && st.Device.Why != "" })
		require.Equal(t, control.DeviceWaiting, st.Device.State)
		require.Contains(t, st.Device.Why, `no output device "nosuch" (there are: `)
		h.plays(50)
		endsAfterOne(t, h, `nosuch\"`)
	})

	t.Run("a device whose server starts after the engine is played on, once", func(t *testing.T) {
		late, err := listener.StartPulse()
		require.NoError(t, err)
		defer late.Close()
		late.Kill()
		for _, name := range []string{"portaudio", "auto"} {
			h := play(t, beside(t, exe), "--sink", name, "--pulse-server", late.Address())
			events := follow(t, h)
			st := h.until("it waits", func(st *control.Status) bool { return st.Device != nil && st.Device.Why != "" })
			require.Contains(t, st.Device.Why, "onnection refused")
			if name == "auto" {
				require.Equal(t, "clock", st.Sink)
			}
			h.plays(50)
			require.NoError(t, late.Start())
			st = h.until("it plays", func(st *control.Status) bool { return st.Device.State == control.DevicePlaying })
			require.Equal(t, "portaudio", st.Sink)
			require.EqualValues(t, 1, st.Player.Generation, "no player was replaced for it")
			code, out, errOut := call("status", "--control", h.socket())
			require.Equal(t, exitPass, code, errOut)
			require.Regexp(t, `(?m)^device    default on null \(Null Output\), [0-9.]+ ms$`, out)
			code, out, errOut = call("status", "--json", "--control", h.socket())
			require.Equal(t, exitPass, code, errOut)
			require.Contains(t, out, `"sink":"null"`)
			require.Equal(t, []string{"chronus"}, applications(t, late.Address()), "as the server's mixer shows it")
			h.plays(50)
			h.signal(unix.SIGTERM)
			require.Equal(t, exitPass, h.end(), h.log)
			var kinds []string
			for _, e := range events() {
				if e.Kind == control.SinkLost || e.Kind == control.SinkRestored {
					kinds = append(kinds, e.Kind)
				}
			}
			if name != "auto" { // which has lost nothing
				require.Equal(t, control.SinkLost, kinds[0])
				kinds = kinds[1:]
			}
			require.Equal(t, control.SinkRestored, kinds[0])
			quietly(t, h)
			late.Kill()
		}
	})

	t.Run("a device that is no clock is not believed", func(t *testing.T) {
		config := filepath.Join(t.TempDir(), "asound.conf")
		require.NoError(t, os.WriteFile(config, []byte("pcm.!default { type null hint { show on description \"default\" } }\n"), 0o600))
		t.Setenv("ALSA_CONFIG_PATH", config)
		h := play(t, beside(t, exe), "--sink", "portaudio")
		st := h.until("it is refused", func(st *control.Status) bool { return st.Device != nil && st.Device.Why != "" })
		require.Contains(t, st.Device.Why, "the device is no clock: it asks for sound at ")
		h.plays(100)
		endsAfterOne(t, h, "no clock")
	})

	t.Run("auto without a device plays on the clock and logs that", func(t *testing.T) {
		h := play(t, beside(t, exe), "--sink", "auto", "--pulse-server", "unix:"+filepath.Join(t.TempDir(), "none"))
		require.Equal(t, "clock", h.until("it answers", func(*control.Status) bool { return true }).Sink)
		require.Contains(t, h.log.String(), "pacing by the clock, in silence")
		require.Contains(t, h.log.String(), "there is no such socket")
		h.signal(unix.SIGTERM)
		require.Equal(t, exitPass, h.end(), h.log)
		quietly(t, h)
	})
}

// applications returns the names of the applications that play on a server.
func applications(t *testing.T, server string) (names []string) {
	t.Helper()
	require.NoError(t, askServer(server, func(c *proto.Client) error {
		var inputs proto.GetSinkInputInfoListReply
		err := c.Request(&proto.GetSinkInputInfoList{}, &inputs)
		for _, in := range inputs {
			names = append(names, in.Properties["application.name"].String())
		}
		return err
	}))
	return names
}

// quietly checks that only the engine has written to stderr, and neither ALSA
// nor JACK.
func quietly(t *testing.T, h *host) {
	t.Helper()
	for line := range strings.Lines(h.log.String()) {
		require.Contains(t, line, " level=", "not a line of the log")
	}
}

// endsAfterOne ends an engine, whose log must have a text once.
func endsAfterOne(t *testing.T, h *host, text string) {
	t.Helper()
	h.signal(unix.SIGTERM)
	require.Equal(t, exitPass, h.end(), h.log)
	require.Equal(t, 1, strings.Count(h.log.String(), text), h.log)
	quietly(t, h)
}

// follow collects an engine's events from the first on. The function that it
// returns waits for the engine's end and returns them.
func follow(t *testing.T, h *host) func() []control.Event {
	t.Helper()
	stream, err := h.client.Events(context.Background(), true)
	require.NoError(t, err)
	t.Cleanup(stream.Close)
	var all []control.Event
	ended := make(chan struct{})
	go func() {
		for e := range stream.C {
			all = append(all, e)
		}
		close(ended)
	}()
	return func() []control.Event {
		<-ended
		return all
	}
}
