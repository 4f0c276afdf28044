package fault

import (
	"context"
	"time"

	"chronus/engine/clock"

	"golang.org/x/sys/unix"
)

// alone kills workers while the host is stopped, and continues it hold blocks later: meanwhile the player and the workers
// are on their own, as they are when the host is busy.
type alone struct {
	workers signal
	host    grip
	stopped bool
	hold    time.Duration
	killed  int64
}

func newAlone(s Spec, block time.Duration, _ Point) Fault {
	return &alone{workers: signal{sig: unix.SIGKILL, target: s.Target}, host: grip{pidfd: -1}, hold: time.Duration(s.Hold) * block}
}

// Setup stops the host already, and waits until all of it stands: a thread still running could notice the kill.
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
	f.resume() // a host that is left stopped could not even be asked to end
	f.workers.Cleanup()
	if f.host.pidfd >= 0 {
		f.host.release()
	}
}
