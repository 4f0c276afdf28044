//go:build linux

package engine

import "chronus/engine/control"

// Status returns a snapshot. Its state is "starting" before Start and until the
// first block; after Stop it is the last status.
func (e *Engine) Status() control.Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.final != nil {
		return *e.final
	}
	st := e.sources.Status()
	if st.Device != nil {
		st.Device.Server = e.cfg.PulseServer
	}
	st.Sink = e.spec.Playing(st.Device != nil && st.Device.State == control.DevicePlaying).String()
	return st
}

// statusSources returns the sources of the engine's status. All of them have
// been opened.
func (e *Engine) statusSources() *control.Sources {
	s := &control.Sources{
		Roster: e.pool.Roster, Program: e.code.Program, OSC: e.osc, Dropped: &e.dropped, Router: e.route, Waiting: e.queue.Waiting,
		Inspect: e.sup.Inspect, Sink: e.spec.String(), Patch: e.patch.Name(), Tape: e.cfg.Tape,
	}
	if e.rec != nil {
		s.TapeLacks = e.rec.lacks
	}
	return s
}
