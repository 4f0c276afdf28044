package fault

import (
	"context"
	"fmt"
)

// Session drives one Fault through its states and keeps the order whatever goes wrong:
//
//	new --Setup--> ready --Inject--> injected --Wait--> effective --Recover--> recovered
//	  \              |                  |                   |                     |
//	   `--error------+------------------+-------------------+-----------Close-----+--> closed
//
// A step that fails or comes out of order leaves the fault to Close, which may come at any time and runs Cleanup exactly once.
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

// Begin takes charge of a fault.
func Begin(f Fault) *Session { return &Session{fault: f} }

// Setup is Fault.Setup.
func (s *Session) Setup(ctx context.Context, e Engine) (victims []Victim, err error) {
	err = s.step("Setup", fresh, ready, func() error { victims, err = s.fault.Setup(ctx, e); return err })
	return victims, err
}

// Inject is Fault.Inject.
func (s *Session) Inject(ctx context.Context) (m Moment, err error) {
	err = s.step("Inject", ready, injected, func() error { m, err = s.fault.Inject(ctx); return err })
	return m, err
}

// Wait is Fault.Wait.
func (s *Session) Wait(ctx context.Context) error {
	return s.step("Wait", injected, effective, func() error { return s.fault.Wait(ctx) })
}

// Recover is Fault.Recover.
func (s *Session) Recover(ctx context.Context) error {
	return s.step("Recover", effective, recovered, func() error { return s.fault.Recover(ctx) })
}

// Close ends the session in any state.
func (s *Session) Close() {
	if s.state == closed {
		return
	}
	s.state = closed
	s.fault.Cleanup()
}

func (s *Session) step(name string, from, to state, do func() error) error {
	if s.state != from {
		return fmt.Errorf("fault: %s of a fault that is %s", name, s.state)
	}
	s.state = failed // unless do returns, and without an error
	if err := do(); err != nil {
		return err
	}
	s.state = to
	return nil
}
