package listener

import (
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func pulse(t *testing.T) *Pulse {
	t.Helper()
	if why := Missing(); why != "" {
		t.Skip(why)
	}
	p, err := StartPulse()
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

// play plays a file with a player that is not ours.
func play(t *testing.T, p *Pulse, path string) {
	t.Helper()
	cmd := exec.Command("pacat",
		"--playback", "--raw", "--format=float32le", "--rate=44100", "--channels=2", path)
	cmd.Env = append(p.env(), "PULSE_SERVER="+p.Address())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
}

func TestTheServerIsTransparentAndStartsAgainAfterAKill(t *testing.T) {
	p := pulse(t)
	sound := stereo(noise(Rate / 2))
	raw := make([]byte, 0, 4*len(sound))
	for _, x := range sound {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	path, recorded := filepath.Join(t.TempDir(), "sound"), filepath.Join(t.TempDir(), "recorded")
	require.NoError(t, os.WriteFile(path, raw, 0o600))
	pid := p.PID()
	for range 2 {
		r, err := p.Record(recorded)
		require.NoError(t, err)
		play(t, p, path)
		require.NoError(t, r.Quiet())
		r.Stop()
		recording, err := ReadRecording(recorded)
		require.NoError(t, err)
		h, err := Compare(sound, Channels, recording, 0)
		require.NoError(t, err)
		h.Dry = 0 // depends on the pace of the player
		require.Equal(t, &Heard{Last: Rate/2 - 1, Compared: Rate / 2}, h)
		p.Kill()
		require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
		require.NoError(t, p.Start())
		require.NotEqual(t, pid, p.PID())
		pid = p.PID()
	}
	dir := p.dir
	p.Close()
	require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
	require.NoDirExists(t, dir)
}

func TestARecorderThatLosesItsServerFails(t *testing.T) {
	p := pulse(t)
	r, err := p.Record(filepath.Join(t.TempDir(), "recorded"))
	require.NoError(t, err)
	defer r.Stop()
	p.Kill()
	require.ErrorContains(t, r.Quiet(), "parec ended")
	_, err = p.Record(filepath.Join(t.TempDir(), "recorded"))
	require.ErrorContains(t, err, "parec ended")
}

func TestMissingNamesTheProgramToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	require.Equal(t, "pulseaudio is not on PATH (make deps installs it)", Missing())
	_, err := StartPulse()
	require.ErrorContains(t, err, "pulseaudio")
}
