package fault

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"chronus/engine/clock"
)

// spawnFails kills workers while the host cannot start a process, because its
// limit of descriptors has been reached. The limit is lifted after some blocks.
// A limit of processes (a control group's, RLIMIT_NPROC) fails a start in the
// same place, but cannot be set everywhere, or does not bind root.
type spawnFails struct {
	workers signal
	host    int
	limit   unix.Rlimit // as it was
	limited bool
	hold    time.Duration
	killed  int64 // CLOCK_MONOTONIC, ns
}

func newSpawnFails(s Spec, block time.Duration, _ Point) Fault {
	return &spawnFails{
		workers: signal{sig: unix.SIGKILL, target: s.Target}, hold: time.Duration(s.Hold) * block,
	}
}

func (f *spawnFails) Setup(ctx context.Context, e Engine) ([]Victim, error) {
	status, err := e.Status(ctx)
	if err != nil {
		return nil, err
	}
	victims, err := f.workers.Setup(ctx, e)
	if err != nil {
		return nil, err
	}
	f.host = status.PID
	if err := unix.Prlimit(f.host, unix.RLIMIT_NOFILE, nil, &f.limit); err != nil {
		return nil, fmt.Errorf("fault: limits of pid %d: %w", f.host, err)
	}
	f.limited = true
	return victims, f.set(unix.Rlimit{Cur: 0, Max: f.limit.Max})
}

func (f *spawnFails) set(l unix.Rlimit) error {
	if err := unix.Prlimit(f.host, unix.RLIMIT_NOFILE, &l, nil); err != nil {
		return fmt.Errorf("fault: limit the descriptors of pid %d: %w", f.host, err)
	}
	return nil
}

func (f *spawnFails) Inject(ctx context.Context) (Moment, error) {
	m, err := f.workers.Inject(ctx)
	f.killed = m.Before
	return m, err
}

func (f *spawnFails) Wait(ctx context.Context) error { return f.workers.Wait(ctx) }

func (f *spawnFails) Recover(context.Context) error {
	clock.ParkUntil(f.killed + int64(f.hold))
	return f.lift()
}

func (f *spawnFails) lift() error {
	if !f.limited {
		return nil
	}
	f.limited = false
	return f.set(f.limit)
}

func (f *spawnFails) Cleanup() {
	_ = f.lift() // a host that has ended needs it no more
	f.workers.Cleanup()
}
