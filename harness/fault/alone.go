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

// alone kills workers while the host is stopped, and continues the host some
// blocks later. In between, the player and the workers are on their own, as
// they are when the host is busy.
type alone struct {
	workers signal
	host    grip
	stopped bool
	hold    time.Duration
	killed  int64 // CLOCK_MONOTONIC, ns
}

func newAlone(s Spec, block time.Duration, _ Point) Fault {
	return &alone{
		workers: signal{sig: unix.SIGKILL, target: s.Target},
		host:    grip{pidfd: -1}, hold: time.Duration(s.Hold) * block,
	}
}

// Setup stops the host and waits until each of its threads has stopped: one
// that still ran could notice the kill.
func (f *alone) Setup(ctx context.Context, e Engine) ([]Victim, error) {
	status, err := e.Status(ctx)
	if err != nil {
		return nil, err
	}
	victims, err := f.workers.Setup(ctx, e)
	if err != nil {
		return nil, err
	}
	if f.host, err = hold(status.PID); err != nil {
		return nil, err
	}
	if err := f.host.signal(unix.SIGSTOP); err != nil {
		return nil, err
	}
	f.stopped = true
	return victims, f.host.halted(ctx)
}

func (f *alone) Inject(ctx context.Context) (Moment, error) {
	m, err := f.workers.Inject(ctx)
	f.killed = m.Before
	m.Exact = false // the host could not notice
	return m, err
}

func (f *alone) Wait(ctx context.Context) error { return f.workers.Wait(ctx) }

func (f *alone) Recover(context.Context) error {
	clock.ParkUntil(f.killed + int64(f.hold))
	return f.resume()
}

func (f *alone) resume() error {
	if !f.stopped {
		return nil
	}
	f.stopped = false
	return f.host.signal(unix.SIGCONT)
}

func (f *alone) Cleanup() {
	f.resume() // a host that stays stopped could not even be asked to end
	f.workers.Cleanup()
	f.host.release()
}
