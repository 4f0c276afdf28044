package fault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"chronus/engine/control"
)

var points = Parameter{
	Name: "points", Needs: "points",
	Given: func(s Spec) bool { return s.Points != nil },
	Valid: func(s Spec) bool { return s.Points != nil },
}

// Crashes reports whether the kind's faults are failpoints, which only a build
// with failpoints has.
func (k Kind) Crashes() bool { return k.takes(points.Name) }

// Select returns those of the engine's failpoints that a crash spec asks for,
// in the engine's order.
func (s Spec) Select(all []Point) []Point {
	kind := "worker"
	if s.Target == rolePlayer {
		kind = "player"
	}
	var chosen []Point
	for _, p := range all {
		if p.Target == kind && s.Points.MatchString(p.Name) {
			chosen = append(chosen, p)
		}
	}
	return chosen
}

// crash arms a failpoint in its victim, which kills itself when it passes the
// point. A spare passes its points only when it is needed, so for a spare the
// primary is killed as well.
type crash struct {
	target string
	point  Point
	engine Engine
	victim Victim
	grip   grip
	also   *signal // kills the primary; nil if that is not needed
}

func newCrash(s Spec, _ time.Duration, p Point) Fault {
	return &crash{target: s.Target, point: p, grip: grip{pidfd: -1}}
}

func (f *crash) Setup(ctx context.Context, e Engine) ([]Victim, error) {
	f.engine = e
	_, victims, err := aim(ctx, e, f.target)
	if err != nil {
		return nil, err
	}
	f.victim = victims[0]
	if f.grip, err = hold(f.victim.PID); err != nil {
		return nil, err
	}
	if f.target == control.RoleSpare {
		f.also = &signal{sig: unix.SIGKILL, target: control.RolePrimary}
		first, err := f.also.Setup(ctx, e)
		if err != nil {
			return nil, err
		}
		victims = append(first, victims...)
	}
	return victims, nil
}

// Inject arms the point. The victim decides when it passes the point, so no
// latency is counted from here.
func (f *crash) Inject(ctx context.Context) (Moment, error) {
	m, err := strike(func() error {
		err := f.engine.Arm(ctx, f.point.ID, f.victim.Slot)
		if f.also != nil && err == nil {
			_, err = f.also.Inject(ctx)
		}
		return err
	})
	m.Exact = false
	return m, err
}

// ErrNotPassed means that a victim did not pass the point that was armed in it.
var ErrNotPassed = errors.New("the point was not passed")

// passTime is how long a victim has to pass its point: time for a hundred
// blocks, even on a busy machine.
const passTime = time.Second

func (f *crash) Wait(ctx context.Context) error {
	short, cancel := context.WithTimeout(ctx, passTime)
	defer cancel()
	if err := f.grip.gone(short); err != nil {
		if ctx.Err() == nil && short.Err() != nil {
			return fmt.Errorf("fault: %s: %w by %s", f.point.Name, ErrNotPassed, f.victim)
		}
		return err
	}
	if f.also != nil {
		return f.also.Wait(ctx)
	}
	return nil
}

func (f *crash) Recover(context.Context) error { return nil }

func (f *crash) Cleanup() {
	if f.also != nil {
		f.also.Cleanup()
	}
	f.grip.release()
}
