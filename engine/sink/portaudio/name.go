//go:build linux && portaudio

package portaudio

// #include <stdlib.h>
// #include <portaudio.h>
// // Of pa_jack.h, which a PortAudio without JACK does not install.
// extern PaError PaJack_SetClientName(const char *name) __attribute__((weak));
// static void setClientName(const char *name) {
//	if (PaJack_SetClientName) PaJack_SetClientName(name);
// }
// extern unsigned chronus_jack_buffer(void);
import "C"

import (
	"fmt"
	"os"
)

// introduce gives the program the name by which the mixer of a sound server
// tells it from another: the client of JACK, the application of PulseAudio and
// of PipeWire. What the user has set in the environment stays.
func introduce(name string) {
	C.setClientName(C.CString(name)) // PortAudio keeps the pointer
	for variable, value := range map[string]string{
		"PULSE_PROP_OVERRIDE": fmt.Sprintf("application.name=%q media.name=%q", name, name),
		"PIPEWIRE_PROPS": fmt.Sprintf("{ application.name = %q node.name = %q node.description = %q media.name = %q }",
			name, name, name, name),
		"PIPEWIRE_ALSA": fmt.Sprintf("{ application.name = %q node.name = %q media.name = %q }", name, name, name),
	} {
		if os.Getenv(variable) == "" {
			os.Setenv(variable, value)
		}
	}
}

// jackBuffer returns the size of the JACK server's buffer in frames, 0 if no
// stream of JACK is open.
func jackBuffer() int { return int(C.chronus_jack_buffer()) }
