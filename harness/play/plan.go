package play

import (
	"context"
	"fmt"

	"chronus/harness/fault"
	"chronus/harness/record"
	"chronus/harness/scenario"
	"chronus/harness/schedule"
)

// plan lists what each cycle needs: a failpoint, if the faults pass some.
func (cfg *Config) plan(ctx context.Context, e *engine, rec *record.Record) ([]fault.Point, error) {
	s := cfg.Scenario
	if s.Strays() {
		return cfg.strays(ctx, e)
	}
	if !s.Crashes() {
		return make([]fault.Point, cfg.Load.Cycles), nil
	}
	all, err := e.Points(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		rec.Points = append(rec.Points, record.Point(p))
	}
	chosen := s.Spec().Select(all)
	if len(chosen) == 0 {
		return nil, fmt.Errorf("none of the engine's %d failpoints matches %q", len(all), s.Fault.Points)
	}
	return deal(chosen, cfg.Load, cfg.Run, cfg.Each), nil
}

// strays draws the bits that this process flips. The processes of a scenario
// flip the bits in one order, one after the other, so that enough cycles flip
// each of them.
func (cfg *Config) strays(ctx context.Context, e *engine) ([]fault.Point, error) {
	all, err := e.Words(ctx)
	if err != nil {
		return nil, err
	}
	bits := fault.Bits(all, cfg.Scenario.Spec().Words)
	if len(bits) == 0 {
		return nil, fmt.Errorf("none of the engine's %d words matches %q", len(all), cfg.Scenario.Fault.Words)
	}
	lots := schedule.Rand(cfg.Seed, cfg.Scenario.Name+" bits", 0)
	lots.Shuffle(len(bits), func(i, j int) { bits[i], bits[j] = bits[j], bits[i] })
	mine := make([]fault.Point, cfg.Load.Cycles)
	for i := range mine {
		mine[i] = bits[((cfg.Run-1)*len(mine)+i)%len(bits)]
	}
	return mine, nil
}

// deal hands out the failpoints to the engine processes, each point as often as
// the load says in all of them together. With each, every process gets all of
// them that often: then one process is enough to see them all.
func deal(points []fault.Point, load scenario.Load, run int, each bool) []fault.Point {
	var mine []fault.Point
	n := 0
	for range load.Cycles {
		for _, p := range points {
			if each || n%load.Processes == run-1 {
				mine = append(mine, p)
			}
			n++
		}
	}
	return mine
}
