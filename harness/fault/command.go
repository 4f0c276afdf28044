package fault

import (
	"context"
	"time"
)

// command does no harm: it sends one command, so that its latency is measured.
type command struct{ engine Engine }

func newCommand(Spec, time.Duration, Point) Fault { return &command{} }

func (f *command) Setup(_ context.Context, e Engine) ([]Victim, error) {
	f.engine = e
	return nil, nil
}

func (f *command) Inject(context.Context) (Moment, error) {
	m, err := strike(f.engine.Send)
	m.Exact = false // no process was hit
	return m, err
}

// Wait does not complain about a command that is never heard: the ledger of the
// oracle does, and can report more about it.
func (f *command) Wait(ctx context.Context) error {
	f.engine.Hear()
	return ctx.Err()
}

func (f *command) Recover(context.Context) error { return nil }

func (f *command) Cleanup() {}
