package portaudio

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReasonIsTheLineThatIsAboutIt(t *testing.T) {
	const noise = "ALSA lib pcm.c:2666:(snd_pcm_open_noupdate) Unknown PCM cards.pcm.rear\n"
	const jack = "Cannot connect to server socket err = No such file or directory\n"
	for stderr, want := range map[string]string{
		"":    "",
		noise: "",
		noise + "ALSA lib pulse.c:242:(pulse_connect) PulseAudio: Unable to connect: Connection refused\n\n": "PulseAudio: Connection refused",
		jack + "ALSA lib pulse.c:242:(pulse_connect) PulseAudio: Unable to connect: Access denied\n":         "PulseAudio: Access denied",
		noise + jack: "JACK: No such file or directory",
		"ALSA lib pcm_dmix.c:1032:(snd_pcm_dmix_open) unable to open slave: Device or resource busy\n":      "the device is busy: another program has it",
		"ALSA lib pcm_hw.c:1829:(_snd_pcm_hw_open) cannot open device /dev/snd/pcmC0D0p: Permission denied": "/dev/snd/pcmC0D0p: permission denied",
	} {
		require.Equal(t, want, reason(stderr), stderr)
	}
}

func TestBusyCardIsNotNoCard(t *testing.T) {
	proc, dev := t.TempDir(), t.TempDir()
	write := func(path, text string) {
		path = filepath.Join(proc, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	require.Empty(t, cards(proc, dev))
	write("asound/card1/id", "DAC\n")
	write("asound/card1/pcm0p/sub0/status", "closed\n")
	write("asound/card1/pcm0c/sub0/status", "state: RUNNING\nowner_pid   : 9\n")
	require.Empty(t, cards(proc, dev), "an input that is in use does not matter")
	write("asound/card1/pcm0p/sub0/status", "state: RUNNING\nowner_pid   : 4711\ntrigger_time: 1.2\n")
	write("4711/comm", "jackd\n")
	require.Equal(t, "hw:1,0 (DAC) is busy: process 4711 (jackd) has it", cards(proc, dev))
	write("asound/card1/pcm0p/sub1/status", "closed\n")
	require.Empty(t, cards(proc, dev), "it mixes in hardware, and has a stream to spare")
}
