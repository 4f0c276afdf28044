package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chronus/engine/clock"
	"chronus/engine/control"
	"chronus/harness/fault"
	"chronus/harness/report"
	"chronus/harness/schedule"
	"chronus/scenarios"
)

// cycle injects one fault and accounts for all that came of it. False: the engine is in no state to go on with.
func (s *session) cycle(ctx context.Context, n int, point fault.Point, times *schedule.Schedule) bool {
	c := report.Cycle{Cycle: n, Point: point.Name, Values: map[string]float64{}}
	find := func(f report.Finding) {
		f.Cycle = n
		if point.Name != "" {
			f.Detail = point.Name + ": " + f.Detail
		}
		s.run.Find(f)
	}
	if !s.pause(ctx) {
		return false
	}
	part := s.lot()
	if len(s.scenario.Mix) > 0 {
		c.Fault = part.Name
	}
	ctx, cancel := context.WithTimeoutCause(ctx, mendLimit, fmt.Errorf("%s have passed", mendLimit))
	defer cancel()

	victims, moment, err := s.inject(ctx, part, point, times, &c)
	x := newExpectation(part).of(victims, moment)
	whole := err == nil
	switch {
	case errors.Is(err, fault.ErrNotPassed):
		find(report.Finding{Assertion: report.MissedPoints, Detail: err.Error()})
		_, err = s.awaitWhole(ctx, nil)
		whole = err == nil
	case err != nil && ctx.Err() != nil && context.Cause(ctx) == context.Canceled:
		return false // the user's wish, no finding
	case err != nil:
		find(report.Finding{Assertion: report.EngineErrors, Detail: err.Error()})
	default:
		s.faults = append(s.faults, injected{victims, moment})
		if err := s.mended(ctx, x); err != nil {
			whole = false
			if context.Cause(ctx) != context.Canceled {
				find(report.Finding{Assertion: report.EngineErrors, Detail: "not mended: " + err.Error()})
			}
		}
	}

	window := s.log.from(s.from)
	s.from += len(window)
	for _, f := range x.check(window) {
		find(f)
	}
	s.account(x, window)
	c.KillNS, c.Phase = moment.Before, x.phase(window)
	for name, v := range x.measure(window) {
		c.Values[name] = v
	}
	if whole {
		s.measureFloor(&c)
		s.run.Cycles = append(s.run.Cycles, c)
		s.cfg.Progress.Cycle(s.run.Run, n, len(s.run.Findings) == 0)
	}
	return whole
}

// pause lets the engine play for as long as the profile wants before a fault, and says whether to go on.
func (s *session) pause(ctx context.Context) bool {
	select {
	case <-time.After(time.Duration(s.load.Pause * float64(time.Second))):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// lot draws the scenario that the next cycle is one of.
func (s *session) lot() *scenarios.Scenario {
	parts := s.scenario.Parts()
	return parts[s.lots.IntN(len(parts))]
}

// measureFloor takes the floor's figures beside a cycle's own. One that the machine does not let it take is missing.
func (s *session) measureFloor(c *report.Cycle) {
	if d, err := s.floor.Kill(); err == nil {
		c.Values[report.FloorPidfd] = float64(d)
	}
	if d, err := s.floor.Exec(); err == nil {
		c.Values[report.FloorExec] = float64(d)
	}
}

// inject does the fault at the time it is due, which counts from when all is prepared: preparing takes as long as it takes.
func (s *session) inject(
	ctx context.Context, part *scenarios.Scenario, point fault.Point, times *schedule.Schedule, c *report.Cycle,
) (victims []fault.Victim, m fault.Moment, err error) {
	f := fault.Begin(fault.New(part.Spec(), s.block, point))
	defer f.Close()
	if victims, err = f.Setup(ctx, subject{s.target, s.commands, &s.garbage}); err != nil {
		return victims, m, err
	}
	c.DueNS = times.Next(clock.Now())
	err = schedule.At(ctx, c.DueNS, func() (err error) {
		m, err = f.Inject(ctx)
		return err
	})
	if err != nil {
		return victims, m, err
	}
	c.Values[report.InjectLate] = float64(m.Before-c.DueNS) / 1e9
	if err := f.Wait(ctx); err != nil {
		return victims, m, err
	}
	if m.Exact && !victims[0].Survives {
		c.Values[report.Exit] = float64(clock.Now() - m.Before)
	}
	return victims, m, f.Recover(ctx)
}

// mended waits until all that must happen has happened and the engine is whole.
func (s *session) mended(ctx context.Context, x *expectation) error {
	if err := s.log.wait(ctx, s.from, x.met); err != nil {
		return err
	}
	_, err := s.awaitWhole(ctx, x.victims)
	return err
}

// awaitWhole waits until the engine plays with all its redundancy, spares included, and without any of the victims.
func (s *session) awaitWhole(ctx context.Context, victims []fault.Victim) (*control.Status, error) {
	last := "it has not answered"
	var first *control.Status // that shows a new player
	for {
		status, err := s.target.Status(ctx)
		if err == nil {
			s.garbage.see(status)
		}
		if err == nil && first == nil && !shows(status, victims) {
			first = status
		}
		switch {
		case err == nil && whole(status) && first != nil && (!hitsPlayer(victims) || status.Block > first.Block):
			return status, nil
		case err == nil:
			last = fmt.Sprintf("%s, %v", status.State, workers(status))
		case ctx.Err() == nil:
			return nil, err
		}
		select {
		case <-time.After(s.block / 4):
		case <-ctx.Done():
			return nil, fmt.Errorf("not whole: %s: %w", last, context.Cause(ctx))
		}
	}
}

// shows says whether a status still has one of the victims that must die.
func shows(s *control.Status, victims []fault.Victim) bool {
	return slices.ContainsFunc(victims, func(v fault.Victim) bool {
		return !v.Survives && (v.PID == s.Player.PID || slices.ContainsFunc(s.Workers, func(w control.Worker) bool { return w.PID == v.PID }))
	})
}

func hitsPlayer(victims []fault.Victim) bool {
	return slices.ContainsFunc(victims, func(v fault.Victim) bool { return v.Slot == fault.PlayerSlot })
}

// whole says whether as many workers render, as many spares wait and nobody else is there as there should be.
func whole(s *control.Status) bool {
	rendering, idle := 0, 0
	for _, w := range s.Workers {
		switch {
		case w.State == control.WorkerRendering && w.Role != control.RoleSpare:
			rendering++
		case w.State == control.WorkerIdle && w.Role == control.RoleSpare:
			idle++
		default:
			return false
		}
	}
	heard := s.Device == nil || s.Device.State == control.DevicePlaying
	return s.State == control.StatePlaying && heard && s.Player.PID != 0 && rendering == s.Replicas && idle == s.Spares
}

func workers(s *control.Status) []string {
	var all []string
	for _, w := range s.Workers {
		all = append(all, fmt.Sprintf("%s %d %s", w.Role, w.Slot, w.State))
	}
	return all
}

// lateness is an event that is nobody's fault but a late machine's.
type lateness struct {
	from, to int64 // ns, when the machine must have been late
	what     string
}

// account keeps what can only be judged at the end, when the floor tells how late the machine was.
func (s *session) account(x *expectation, window []received) {
	t := x.tally(window)
	s.add(report.LateSwitches, float64(len(t.late)))
	s.add(report.LatePromotions, float64(t.retired))
	for _, e := range t.late {
		if s.scenario.Saturates() {
			break
		}
		s.late = append(s.late, lateness{
			e.EntryNS - s.run.Engine.LeadNS - s.run.Engine.BlockNS, e.ReturnNS,
			fmt.Sprintf("block %d: switched to slot %d from one whose worker lives", e.Block, e.Slot),
		})
	}
	for _, e := range window {
		if e.Kind == control.Xrun {
			s.add(report.Xruns, 1)
			s.add(report.XrunTime, float64(e.DurNS)/1e9)
			if s.sound != nil {
				continue // a sound server has no priority, and may be late when nothing else is
			}
			s.late = append(s.late, lateness{e.TNS - e.DurNS, e.TNS, fmt.Sprintf("block %d: the callback was %d ns late", e.Block, e.DurNS)})
		}
	}
}

func (s *session) add(name string, v float64) {
	was, _ := s.run.Value(name)
	s.run.Set(name, was+v)
}
