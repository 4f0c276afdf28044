//go:build linux

package engine

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"chronus/engine/control"
	"chronus/engine/dsp"
	"chronus/engine/internal/cmdlog"
	"chronus/engine/osc"
	"chronus/engine/patch"
)

// router sends what OSC asks for where it belongs.
func (e *Engine) router() *osc.Router {
	t := &timing{player: e.pool.Player, geo: &e.pool.Host.Geo}
	return &osc.Router{
		Resolve: e.code.Address, ResolveGate: e.code.Gate, Timeline: t.timeline, Sink: e.sink(),
		ResolveEngine: func(name string) (uint32, error) { return engineParam(e.code, name) },
		Status: func(to netip.AddrPort) {
			if err := e.osc.Answer(to, osc.StatusAddress, func() []any { return oscStatus(e.Status()) }); err != nil {
				e.cfg.Log.Debug("no answer to a question for the status", "error", err)
			}
		},
		Stop: e.requestStop,
	}
}

// sink puts commands into the queue, a datagram at a time.
func (e *Engine) sink() func(osc.Command) bool {
	var bundle []cmdlog.Command
	return func(c osc.Command) bool {
		bundle = append(bundle, cmdlog.Command{Address: c.Address, Value: c.Value, RecvNS: c.RecvNS, At: c.At})
		if !c.BundleEnd {
			return true
		}
		if e.phrase != nil {
			e.phrase.heard(bundle, e.pool.Player.Playout.Load()*uint64(e.cfg.Frames))
		}
		ok := e.queue.Push(bundle...)
		if !ok {
			e.dropped.Add(uint64(len(bundle)))
		}
		bundle = bundle[:0]
		return ok
	}
}

// drain passes on what had to wait for room in the log, which comes with every seal, or for its time.
func (e *Engine) drain() {
	for {
		select {
		case <-e.closing:
			return
		case <-e.queue.Waits():
		}
		tick := time.NewTicker(2 * time.Millisecond)
		for e.queue.Drain() > 0 {
			select {
			case <-e.closing:
				tick.Stop()
				return
			case <-tick.C:
			}
		}
		tick.Stop()
	}
}

// StopRequested is closed when somebody asks the engine to stop, by /engine/stop. The caller then calls Stop.
func (e *Engine) StopRequested() <-chan struct{} { return e.stopRequest }

func (e *Engine) requestStop() { e.stopAsked.Do(func() { close(e.stopRequest) }) }

// engineParam finds what /engine/freq and /engine/gain set: the frequency of the first sine; the gain of the module nearest to
// the output that has one, else the amplitude of that sine.
func engineParam(code *patch.Compiled, name string) (uint32, error) {
	if name == "gain" {
		if addr, ok := nearestGain(code.Program); ok {
			return addr, nil
		}
		if addr, ok := firstSine(code, "amp"); ok {
			return addr, nil
		}
		return 0, errors.New("the patch has no module with a gain, and no sine")
	}
	if addr, ok := firstSine(code, "freq"); ok {
		return addr, nil
	}
	return 0, errors.New("the patch has no sine")
}

func firstSine(code *patch.Compiled, param string) (addr uint32, ok bool) {
	for _, p := range code.Params() {
		if p.Kind == "sine" && p.Param == param {
			return p.Address, true
		}
	}
	return 0, false
}

// nearestGain goes from the output against the signal, breadth first.
func nearestGain(prog *dsp.Program) (addr uint32, ok bool) {
	queue := []int{prog.Out}
	for i := 0; i < len(queue); i++ {
		op := &prog.Ops[queue[i]]
		if j, ok := dsp.Kinds()[op.Kind].ParamIndex("gain"); ok {
			return uint32(op.Offset + j), true
		}
		for _, in := range op.Inputs {
			if !slices.Contains(queue, in) {
				queue = append(queue, in)
			}
		}
	}
	return 0, false
}

// OSCStatus names the arguments of the answer to /engine/status, in their order. New ones are added at the end.
var OSCStatus = []string{
	"state", "block", "rate", "frames", "renderers", "spares", "failovers", "restarts", "lost_frames", "xruns", "commands",
	"late_commands", "dropped_commands", "bad_packets",
}

// oscStatus is st as those arguments: s, h, i, i, i, i, then h.
func oscStatus(st control.Status) []any {
	var renderers, spares int32
	for _, w := range st.Workers {
		switch w.State {
		case control.WorkerRendering:
			renderers++
		case control.WorkerIdle:
			spares++
		}
	}
	args := []any{st.State, int64(st.Block), int32(st.Rate), int32(st.Frames), renderers, spares}
	for _, n := range []uint64{
		st.Failovers, st.Restarts, st.LostFrames, st.Xruns, st.Commands, st.LateCommands, st.DroppedCommands, st.BadPackets,
	} {
		args = append(args, int64(n))
	}
	return args
}
