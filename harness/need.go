package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"chronus/harness/schedule"
	"chronus/scenarios"
)

// Missing says why a scenario cannot run here with the engine whose binaries are in a folder; empty: it can.
func Missing(s *scenarios.Scenario, engine string) (why string) {
	for _, need := range s.Needs {
		switch need {
		case scenarios.NeedFifo:
			why = noFifo()
		case scenarios.NeedPortAudio:
			why = noBinary(engine, "chronus-portaudio", "PortAudio's headers must be there when make build builds it")
		}
		if why != "" {
			return "needs " + need + ": " + why
		}
	}
	if s.Crashes() {
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

// noFifo asks for SCHED_FIFO on a thread that nobody uses afterwards.
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
