//go:build linux && portaudio

package portaudio

import (
	"fmt"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// Hush keeps what the libraries write out of stderr: ALSA's stock configuration
// alone causes 80 lines, and nothing silences libjack but pointing descriptor 2
// elsewhere. It returns the former stderr, which Go's crash reports go to as
// well. With verbose set it changes nothing.
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

// maxGiven is more than the number of descriptors that a player is started
// with: the rings and a few others.
const maxGiven = 32

// alsaConfig is all that ALSA needs to reach a PulseAudio server. With its
// stock configuration it probes every card that there might be, which takes a
// fifth to half a second.
const alsaConfig = `pcm_type.pulse { lib "libasound_module_pcm_pulse.so" }
pcm.!default { type pulse hint { show on description "default" } }
pcm.pulse { type pulse hint { show on description "PulseAudio" } }
`

// Environment sets up the libraries. If CHRONUS_PULSE_SERVER is set, the
// PulseAudio server that it names, as PULSE_SERVER does, is the only device. A
// JACK server that is not running is not started. Call Environment before
// anything of PortAudio.
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
