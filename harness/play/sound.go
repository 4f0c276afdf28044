package play

import (
	"path/filepath"

	"chronus/engine/control"
	"chronus/harness/listener"
	"chronus/harness/record"
)

// soundFile is what was recorded at the loudspeaker, in the engine's folder:
// 32-bit floats without a header.
const soundFile = "heard.f32"

// sound is the sound server that an engine plays to, and the listener at it. A
// nil sound does nothing: it stands for that of an engine that plays into a
// file.
type sound struct {
	pulse    *listener.Pulse
	recorder *listener.Recorder
	due      uint64 // everything from this block on must be heard
	whole    bool   // the recording has an end
}

// listenIn starts a server and a recording of all that it plays.
func listenIn(dir string) (*sound, error) {
	s := &sound{}
	var err error
	if s.pulse, err = listener.StartPulse(); err != nil {
		return nil, err
	}
	if s.recorder, err = s.pulse.Record(filepath.Join(dir, soundFile)); err != nil {
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

// dueFrom is called with the status that showed the engine playing on the
// device, or nil: everything from its block on must be heard.
func (s *sound) dueFrom(status *control.Status) {
	if s != nil && status != nil {
		s.due = status.Block
	}
}

// facts returns what is known of the recording; nil: there is none.
func (s *sound) facts() *record.Listener {
	if s == nil {
		return nil
	}
	return &record.Listener{Due: s.due, Whole: s.whole}
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

// close ends the server and the recording. It may be called again.
func (s *sound) close() {
	s.recorder.Stop()
	s.pulse.Close()
}
