package fault

import (
	"context"
	"fmt"
)

// Session drives one Fault through its states, and keeps their order whatever
// goes wrong:
//
//	new -Setup-> ready -Inject-> injected -Wait-> effective -Recover-> recovered
//	 |             |                |                 |                    |
//	 `-------------+--- an error and then Close, or Close alone ---+-------'
//	                                |
//	                             closed
//
// After a step that fails only Close is left, which may be called at any time
// and runs Cleanup exactly once. A step out of order is an error and does
// nothing.
type Session struct {
	fault Fault
	state state
}

type state int

const (
	fresh state = iota
	ready
	injected
	effective
	recovered
	failed
	closed
)

var stateNames = [...]string{"new", "ready", "injected", "effective", "recovered", "failed", "closed"}

func (s state) String() string { return stateNames[s] }

// Begin returns a session that owns the fault; Close must be called.
func Begin(f Fault) *Session { return &Session{fault: f} }

// Setup calls Fault.Setup.
func (s *Session) Setup(ctx context.Context, e Engine) (victims []Victim, err error) {
	err = s.step("Setup", fresh, ready, func() error { victims, err = s.fault.Setup(ctx, e); return err })
	return victims, err
}

// Inject calls Fault.Inject.
func (s *Session) Inject(ctx context.Context) (m Moment, err error) {
	err = s.step("Inject", ready, injected, func() error { m, err = s.fault.Inject(ctx); return err })
	return m, err
}

// Wait calls Fault.Wait.
func (s *Session) Wait(ctx context.Context) error {
	return s.step("Wait", injected, effective, func() error { return s.fault.Wait(ctx) })
}

// Recover calls Fault.Recover.
func (s *Session) Recover(ctx context.Context) error {
	return s.step("Recover", effective, recovered, func() error { return s.fault.Recover(ctx) })
}

// Close calls Fault.Cleanup, whatever state the session is in, unless it has
// been called before.
func (s *Session) Close() {
	if s.state == closed {
		return
	}
	s.state = closed
	s.fault.Cleanup()
}

func (s *Session) step(name string, from, to state, do func() error) error {
	if s.state != from {
		return fmt.Errorf("fault: %s called on a fault that is %s", name, s.state)
	}
	s.state = failed // unless do returns without an error
	if err := do(); err != nil {
		return err
	}
	s.state = to
	return nil
}
