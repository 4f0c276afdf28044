package fault

import (
	"context"
	"fmt"
	"time"

	"chronus/engine/osc"
)

// flood sends more commands at once than the engine's queue holds, and then one
// that must be heard. The flood sets inaudible parameters of the patch heavy, a
// few ones again and again, so that no value is lost for good: the engine may
// leave out all but the last of each, and must not refuse any.
type flood struct {
	command
	client *osc.Client
}

const (
	// floodBundles of osc.MaxBundle commands each are twice what the queue
	// holds. Together they fit the smallest usual receive buffer
	// (net.core.rmem_default, 208 KiB, doubled), because the kernel charges
	// about 10 kB for each: a datagram that it drops would prove nothing.
	floodBundles = 32
	floodParams  = 8
)

func newFlood(Spec, time.Duration, Point) Fault { return &flood{} }

func (f *flood) Setup(ctx context.Context, e Engine) ([]Victim, error) {
	status, err := e.Status(ctx)
	if err != nil {
		return nil, err
	}
	if f.client, err = osc.Dial(status.OSC); err != nil {
		return nil, err
	}
	return f.command.Setup(ctx, e)
}

func (f *flood) Inject(context.Context) (Moment, error) {
	m, err := strike(func() error {
		for bundle := range floodBundles {
			messages := make([]osc.Message, osc.MaxBundle)
			for i := range messages {
				messages[i] = osc.Message{
					Address: fmt.Sprintf("/mod/sine%d/freq", i%floodParams+1),
					Args:    []any{100 + bundle*osc.MaxBundle + i},
				}
			}
			if err := f.client.SendAll(messages); err != nil {
				return err
			}
		}
		return f.engine.Send()
	})
	m.Exact = false // no process was hit
	return m, err
}

func (f *flood) Cleanup() {
	if f.client != nil {
		_ = f.client.Close()
	}
}
