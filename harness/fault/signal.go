package fault

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// signal sends one signal to each victim, back to back.
type signal struct {
	sig    unix.Signal
	target string
	grips  []grip
}

func newSignal(s unix.Signal) func(Spec, time.Duration, Point) Fault {
	return func(spec Spec, _ time.Duration, _ Point) Fault { return &signal{sig: s, target: spec.Target} }
}

func (f *signal) Setup(ctx context.Context, e Engine) ([]Victim, error) {
	_, victims, err := aim(ctx, e, f.target)
	if err != nil {
		return nil, err
	}
	for _, v := range victims {
		g, err := hold(v.PID)
		if err != nil {
			return nil, err
		}
		f.grips = append(f.grips, g)
	}
	return victims, nil
}

func (f *signal) Inject(context.Context) (Moment, error) {
	return strike(func() error {
		var errs []error
		for _, g := range f.grips {
			errs = append(errs, g.signal(f.sig))
		}
		return errors.Join(errs...)
	})
}

// Wait waits until every victim has died; one that hangs is killed by the host.
func (f *signal) Wait(ctx context.Context) error {
	for _, g := range f.grips {
		if err := g.gone(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (f *signal) Recover(context.Context) error { return nil }

func (f *signal) Cleanup() {
	for _, g := range f.grips {
		g.release()
	}
}
