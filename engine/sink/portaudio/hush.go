//go:build linux && portaudio

package portaudio

import (
	"fmt"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// Hush keeps what libraries say out of stderr: ALSA's configuration alone makes for 80 lines, and libjack's go away in no other
// manner than with descriptor 2 somewhere else. It returns what stderr was; Go's crash reports go there too. With verbose all
// is shown.
func Hush(verbose bool) (*os.File, error) {
	if verbose {
		return os.Stderr, nil
	}
	fd, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3+maxGiven)
	if err != nil {
		return nil, fmt.Errorf("portaudio: stderr: %w", err)
	}
	log := os.NewFile(uintptr(fd), "stderr")
	null, err := unix.Open(os.DevNull, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("portaudio: %s: %w", os.DevNull, err)
	}
	defer unix.Close(null)
	if err := unix.Dup3(null, 2, 0); err != nil {
		return nil, fmt.Errorf("portaudio: stderr: %w", err)
	}
	if err := debug.SetCrashOutput(log, debug.CrashOptions{}); err != nil {
		return nil, fmt.Errorf("portaudio: crash output: %w", err)
	}
	return log, nil
}

// maxGiven is above the number of descriptors that a player is started with: the rings and a few more.
const maxGiven = 32

// alsaConfig is all that ALSA needs to know to reach a PulseAudio server. The stock configuration makes it probe every card there
// might be, for a fifth to half a second.
const alsaConfig = `pcm_type.pulse { lib "libasound_module_pcm_pulse.so" }
pcm.!default { type pulse hint { show on description "default" } }
pcm.pulse { type pulse hint { show on description "PulseAudio" } }
`

// Environment sets up the libraries: CHRONUS_PULSE_SERVER makes a PulseAudio server, named as in PULSE_SERVER, the only device.
// No JACK server is started that does not run. It comes before the first call of PortAudio.
func Environment() error {
	if os.Getenv("JACK_NO_START_SERVER") == "" {
		os.Setenv("JACK_NO_START_SERVER", "1")
	}
	server := os.Getenv("CHRONUS_PULSE_SERVER")
	if server == "" {
		return nil
	}
	os.Setenv("PULSE_SERVER", server)
	fd, err := unix.MemfdCreate("chronus-alsa.conf", 0)
	if err != nil {
		return fmt.Errorf("portaudio: ALSA configuration: %w", err)
	}
	if _, err := unix.Write(fd, []byte(alsaConfig)); err != nil {
		return fmt.Errorf("portaudio: ALSA configuration: %w", err)
	}
	return os.Setenv("ALSA_CONFIG_PATH", fmt.Sprintf("/proc/self/fd/%d", fd))
}
