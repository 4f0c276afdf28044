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
// elsewhere. What they write is kept in memory instead, since it often holds
// the only reason why a device cannot be opened: see said. Hush returns the
// former stderr, which Go's crash reports go to as well. With verbose set it
// changes nothing.
func Hush(verbose bool) (*os.File, error) {
	if verbose {
		return os.Stderr, nil
	}
	fd, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3+maxGiven)
	if err != nil {
		return nil, fmt.Errorf("portaudio: stderr: %w", err)
	}
	log := os.NewFile(uintptr(fd), "stderr")
	kept, err := unix.MemfdCreate("chronus-stderr", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("portaudio: stderr: %w", err)
	}
	if _, err := unix.FcntlInt(uintptr(kept), unix.F_SETFL, unix.O_APPEND); err != nil {
		return nil, fmt.Errorf("portaudio: stderr: %w", err)
	}
	if err := unix.Dup3(kept, 2, 0); err != nil {
		return nil, fmt.Errorf("portaudio: stderr: %w", err)
	}
	libraries = os.NewFile(uintptr(kept), "stderr of the libraries")
	if err := debug.SetCrashOutput(log, debug.CrashOptions{}); err != nil {
		return nil, fmt.Errorf("portaudio: crash output: %w", err)
	}
	return log, nil
}

// libraries holds what the libraries have written to stderr; nil if Hush has
// not taken it.
var libraries *os.File

// maxSaid bounds what is kept of it, in bytes.
const maxSaid = 64 << 10

// forget drops what the libraries have written.
func forget() {
	if libraries != nil {
		_ = libraries.Truncate(0)
	}
}

// bound keeps what the libraries write while a stream plays from filling the
// memory.
func bound() {
	var st unix.Stat_t
	if libraries != nil && unix.Fstat(int(libraries.Fd()), &st) == nil && st.Size > maxSaid {
		forget()
	}
}

// said returns what the libraries have written since forget.
func said() string {
	if libraries == nil {
		return ""
	}
	text := make([]byte, maxSaid)
	n, _ := libraries.ReadAt(text, 0)
	return string(text[:n])
}

// because adds to an error of PortAudio the reason that a library below it has
// written, or else why a sound card cannot be opened: PortAudio only says that
// the device is unavailable, or does not list it.
func because(err error) error {
	why := reason(said())
	if why == "" {
		why = cards("/proc", "/dev/snd")
	}
	if why == "" {
		return err
	}
	return fmt.Errorf("%w (%s)", err, why)
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
// JACK server that is not running is not started. name is what sound servers
// call the program; "" leaves that to the libraries. Call Environment before
// anything of PortAudio.
func Environment(name string) error {
	if name != "" {
		introduce(name)
	}
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
