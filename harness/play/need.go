package play

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"chronus/harness/listener"
	"chronus/harness/scenario"
	"chronus/harness/schedule"
)

// Missing returns why a scenario cannot run here with the engine whose binaries
// are in a folder; empty: it can.
func Missing(s *scenario.Scenario, engine string) (why string) {
	for _, need := range s.Needs {
		switch need {
		case scenario.NeedFifo:
			why = noFifo()
		case scenario.NeedPortAudio:
			why = noDevice(engine)
		}
		if why != "" {
			return "needs " + need + ": " + why
		}
	}
	if s.Instrumented() {
		if why := noBinary(engine, filepath.Join("failpoints", "chronus"), "make build makes it"); why != "" {
			return "needs failpoints: " + why
		}
	}
	return ""
}

func noBinary(dir, name, hint string) string {
	if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
		return fmt.Sprintf("%v (%s)", err, hint)
	}
	return ""
}

// noDevice starts a sound server and asks the engine for the device on it: the
// libraries between the two may be missing. It returns why there is no device.
func noDevice(engine string) string {
	if why := noBinary(engine, "chronus-portaudio", "PortAudio's headers must be there when make build builds it"); why != "" {
		return why
	}
	if why := listener.Missing(); why != "" {
		return why
	}
	pulse, err := listener.StartPulse()
	if err != nil {
		return err.Error()
	}
	defer pulse.Close()
	out, err := exec.Command(filepath.Join(engine, "chronus"), "devices", "--json", "--pulse-server", pulse.Address()).Output()
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed):
		return firstLine(failed.Stderr) + " (ALSA's plugin for PulseAudio may be missing: make deps installs it)"
	case err != nil:
		return err.Error()
	}
	var devices []struct{}
	if err := json.Unmarshal(out, &devices); err != nil {
		return fmt.Sprintf("chronus devices: %v", err)
	}
	if len(devices) == 0 {
		return "no device on a PulseAudio server (ALSA's plugin for PulseAudio may be missing: make deps installs it)"
	}
	return ""
}

func firstLine(text []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return line
}

// noFifo asks for SCHED_FIFO on a thread that is not used afterwards, and
// returns why it is refused.
func noFifo() string {
	granted := make(chan bool)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		granted <- schedule.Fifo(0, 1)
	}()
	if !<-granted {
		return "SCHED_FIFO is refused (CAP_SYS_NICE or RLIMIT_RTPRIO gives it)"
	}
	return ""
}
