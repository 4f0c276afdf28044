package play

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"chronus/engine/clock"
	"chronus/harness/expect"
	"chronus/harness/fault"
	"chronus/harness/floor"
	"chronus/harness/record"
	"chronus/harness/scenario"
	"chronus/harness/schedule"
)

// cycler injects the faults of one engine process.
type cycler struct {
	cfg      *Config
	engine   *engine
	floor    *floor.Floor
	commands *commander
	times    *schedule.Schedule
	lots     *rand.Rand // which part of a mixed scenario comes next
	rec      *record.Record
	clean    bool // all has gone as expected so far
}

// cycle injects one fault, waits until the engine is whole again, and records
// what happened. false: the engine is in no state to go on with.
func (r *cycler) cycle(ctx context.Context, n int, point fault.Point) bool {
	if !r.pause(ctx) {
		return false
	}
	part := r.draw()
	c := record.Cycle{Cycle: n, Point: point.Name}
	if len(r.cfg.Scenario.Mix) > 0 {
		c.Fault = part.Name
	}
	ctx, cancel := context.WithTimeoutCause(ctx, mendLimit, fmt.Errorf("%s have passed", mendLimit))
	defer cancel()

	rule := part.Rule()
	err := r.inject(ctx, part, point, &c)
	switch {
	case errors.Is(err, fault.ErrNotPassed):
		troubled(r.rec, record.StagePoint, n, err)
		c.Status, err = r.engine.awaitWhole(ctx, nil)
		c.Whole = err == nil
	case err != nil && ctx.Err() != nil && context.Cause(ctx) == context.Canceled:
		return false // the user ended the verification
	case err != nil:
		troubled(r.rec, record.StageInject, n, err)
	default:
		err := r.engine.log.wait(ctx, func(window []record.Event) bool {
			return rule.Of(c.Victims, c.Moment, window).Met()
		})
		if err == nil {
			c.Status, err = r.engine.awaitWhole(ctx, c.Victims)
		}
		if err == nil {
			r.awaitRetired(ctx, rule, &c)
		}
		c.Whole = err == nil
		if err != nil && context.Cause(ctx) != context.Canceled {
			troubled(r.rec, record.StageMend, n, err)
		}
	}

	window := r.engine.log.close(n)
	if c.Whole {
		c.PidfdNS, c.ExecNS = r.besides()
	}
	r.rec.Cycles = append(r.rec.Cycles, c)
	if c.Whole && r.cfg.Cycled != nil {
		r.clean = r.clean && len(r.rec.Troubles) == 0 && len(rule.Of(c.Victims, c.Moment, window).Findings()) == 0
		r.cfg.Cycled(n, r.clean)
	}
	return c.Whole
}

// retiredLimit is how long an event may take to arrive after a status that
// already shows it.
const retiredLimit = 100 * time.Millisecond

// awaitRetired waits for the events of spares that helped out a late worker and
// are idle again. A whole engine has none left, but its status may arrive
// before the event that says so, which must not be counted in the next cycle.
// An event that does not come is for the judge to miss.
func (r *cycler) awaitRetired(ctx context.Context, rule expect.Rule, c *record.Cycle) {
	ctx, cancel := context.WithTimeout(ctx, retiredLimit)
	defer cancel()
	_ = r.engine.log.wait(ctx, func(window []record.Event) bool {
		return !rule.Of(c.Victims, c.Moment, window).Surplus()
	})
}

// pause lets the engine play for as long as the profile wants before a fault,
// and reports whether to go on.
func (r *cycler) pause(ctx context.Context) bool {
	select {
	case <-time.After(time.Duration(r.cfg.Load.Pause * float64(time.Second))):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// draw returns the scenario that the next cycle is one of.
func (r *cycler) draw() *scenario.Scenario {
	parts := r.cfg.Scenario.Parts()
	return parts[r.lots.IntN(len(parts))]
}

// besides takes the floor's figures beside a cycle's own. One that the machine
// does not allow it to take is 0.
func (r *cycler) besides() (pidfd, exec int64) {
	if d, err := r.floor.Kill(); err == nil {
		pidfd = int64(d)
	}
	if d, err := r.floor.Exec(); err == nil {
		exec = int64(d)
	}
	return pidfd, exec
}

// inject injects the fault at the time it is due, which counts from when all is
// prepared: preparing takes as long as it takes. It records the victims and the
// moment as far as it gets.
func (r *cycler) inject(ctx context.Context, part *scenario.Scenario, point fault.Point, c *record.Cycle) error {
	f := fault.Begin(fault.New(part.Spec(), r.engine.block, point))
	defer f.Close()
	victims, err := f.Setup(ctx, subject{r.engine, r.commands})
	for _, v := range victims {
		c.Victims = append(c.Victims, record.Victim(v))
	}
	if err != nil {
		return err
	}
	c.DueNS = r.times.Next(clock.Now())
	err = schedule.At(ctx, c.DueNS, func() error {
		m, err := f.Inject(ctx)
		c.Moment = record.Moment(m)
		return err
	})
	if err != nil {
		return err
	}
	if err := f.Wait(ctx); err != nil {
		return err
	}
	c.GoneNS = clock.Now()
	return f.Recover(ctx)
}
