package fault

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"chronus/engine/clock"
)

var holdBlocks = Parameter{
	Name: "hold", Needs: "hold, in blocks, at least 1",
	Given: func(s Spec) bool { return s.Hold != 0 },
	Valid: func(s Spec) bool { return s.Hold >= 1 },
}

// impairment is something that is done to the host and undone again.
type impairment interface {
	// impair returns once the host is impaired.
	impair(ctx context.Context, host int) error
	// repair undoes it. It is called also if impair failed, and then more than
	// once, to no effect.
	repair() error
	release()
}

// impaired kills workers while the host is impaired, for a number of blocks.
type impaired struct {
	signal
	impairment
	hold   time.Duration
	killed int64 // CLOCK_MONOTONIC, ns
	exact  bool  // the host can notice the deaths
}

func whileImpaired(s Spec, block time.Duration, i impairment, exact bool) *impaired {
	return &impaired{
		signal:     signal{sig: unix.SIGKILL, target: s.Target},
		impairment: i, hold: time.Duration(s.Hold) * block, exact: exact,
	}
}

func (f *impaired) Setup(ctx context.Context, e Engine) ([]Victim, error) {
	status, err := e.Status(ctx)
	if err != nil {
		return nil, err
	}
	victims, err := f.signal.Setup(ctx, e)
	if err != nil {
		return nil, err
	}
	return victims, f.impair(ctx, status.PID)
}

func (f *impaired) Inject(ctx context.Context) (Moment, error) {
	m, err := f.signal.Inject(ctx)
	f.killed = m.Before
	m.Exact = m.Exact && f.exact
	return m, err
}

func (f *impaired) Recover(context.Context) error {
	clock.ParkUntil(f.killed + int64(f.hold))
	return f.repair()
}

func (f *impaired) Cleanup() {
	_ = f.repair() // a host that has ended needs it no more
	f.signal.Cleanup()
	f.release()
}
