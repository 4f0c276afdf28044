package harness

import (
	"fmt"
	"path/filepath"

	"chronus/engine/tape"
	"chronus/harness/listener"
	"chronus/harness/report"
)

// soundFile is what was recorded at the loudspeaker, in the engine's folder: 32-bit floats without a header.
const soundFile = "heard.f32"

// sound is the sound server that an engine plays to, and the listener at it. A nil one is there for an engine that plays into
// a file, and does nothing.
type sound struct {
	pulse    *listener.Pulse
	recorder *listener.Recorder
	path     string
	due      uint64 // everything from this block on must be heard
	whole    bool   // the recording has an end
}

// listenIn starts a server and a recording of all that it will play.
func listenIn(dir string) (*sound, error) {
	s := &sound{path: filepath.Join(dir, soundFile)}
	var err error
	if s.pulse, err = listener.StartPulse(); err != nil {
		return nil, err
	}
	if s.recorder, err = s.pulse.Record(s.path); err != nil {
		s.pulse.Close()
		return nil, err
	}
	return s, nil
}

func (s *sound) address() string {
	if s == nil {
		return ""
	}
	return s.pulse.Address()
}

// dueFrom says that the engine plays on the device: everything from a block on must be heard.
func (s *sound) dueFrom(block uint64) {
	if s != nil {
		s.due = block
	}
}

// end ends the recording after the engine has ended.
func (s *sound) end() error {
	if s == nil {
		return nil
	}
	err := s.recorder.Quiet()
	s.whole = err == nil
	s.close()
	return err
}

// close ends whatever runs. It may be called again.
func (s *sound) close() {
	s.recorder.Stop()
	s.pulse.Close()
}

// judgeSound holds what the listener heard to what the tape says was delivered.
func (s *session) judgeSound() {
	if s.sound == nil || !s.sound.whole {
		return
	}
	h, err := s.sound.compare(s.target.Tape())
	if err != nil {
		s.find(report.Truth, "%v", err)
		return
	}
	s.run.Set(report.ListenerLost, float64(h.Missing))
	s.run.Set(report.ListenerWrong, float64(h.Faults()))
	s.run.Set(report.ListenerDry, float64(h.Dry))
	s.run.Set(report.ListenerCompared, float64(h.Compared))
	if h.Missing > 0 {
		s.find(report.ListenerLost, "%s", h.Fault)
	}
	if h.Faults() > 0 {
		s.find(report.ListenerWrong, "%s", h.Fault)
	}
}

func (s *sound) compare(path string) (*listener.Heard, error) {
	delivered, channels, err := tape.Samples(path)
	if err != nil {
		return nil, fmt.Errorf("harness: %w", err)
	}
	recording, err := listener.ReadRecording(s.path)
	if err != nil {
		return nil, err
	}
	return listener.Compare(delivered, channels, recording, int(s.due)*frames)
}
