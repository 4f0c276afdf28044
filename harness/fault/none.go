package fault

import (
	"context"
	"time"

	"chronus/engine/clock"
)

// none is the control experiment: an engine to which nothing happens.
type none struct{ block time.Duration }

// noneBlocks is how long nothing happens, in blocks: about as long as the
// engine needs to mend another fault.
const noneBlocks = 10

func newNone(_ Spec, block time.Duration, _ Point) Fault { return none{block} }

func (none) Setup(context.Context, Engine) ([]Victim, error) { return nil, nil }

func (none) Inject(context.Context) (Moment, error) {
	now := clock.Now()
	return Moment{Before: now, After: now}, nil
}

func (n none) Wait(ctx context.Context) error {
	return pause(ctx, noneBlocks*n.block)
}

func (none) Recover(context.Context) error { return nil }

func (none) Cleanup() {}

// pause lets d pass.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
