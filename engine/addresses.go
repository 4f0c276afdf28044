//go:build linux

package engine

import (
	"errors"
	"net/netip"
	"slices"

	"chronus/engine/control"
	"chronus/engine/dsp"
	"chronus/engine/osc"
	"chronus/engine/patch"
)

// OSCAddresses returns the OSC addresses that an engine accepts, for
// documentation. Their functions must not be called.
func OSCAddresses() []osc.Route { return routes(nil) }

// routes is the table of the OSC addresses that e accepts. It is the only place
// that lists them.
func routes(e *Engine) []osc.Route {
	return []osc.Route{
		{
			Address: "/mod/<id>/<param>", Arg: osc.NumberArg,
			Doc:  "sets a parameter of a module of the patch",
			Word: func(names []string) (uint32, error) { return e.code.Address(names[0], names[1]) },
		},
		{
			Address: "/gate/<id>", Arg: osc.GateArg,
			Doc:  "opens or closes the gate of a module that has one",
			Word: func(names []string) (uint32, error) { return e.code.Gate(names[0]) },
		},
		{
			Address: "/engine/freq", Arg: osc.NumberArg,
			Doc:  "sets `freq` of the patch's first sine",
			Word: func([]string) (uint32, error) { return mainFreq(e.code) },
		},
		{
			Address: "/engine/gain", Arg: osc.NumberArg,
			Doc:  "sets `gain` of the module nearest to the output that has one; without any, `amp` of that sine",
			Word: func([]string) (uint32, error) { return mainGain(e.code) },
		},
		{
			Address: osc.StatusAddress, Arg: osc.NoArg,
			Doc: "is answered to the sender, from the same port",
			Do: func(from netip.AddrPort) {
				args := func() []any { return oscStatus(e.Status()) }
				if err := e.osc.Answer(from, osc.StatusAddress, args); err != nil {
					e.cfg.Log.Debug("cannot answer an OSC status request", "error", err)
				}
			},
		},
		{
			Address: "/engine/stop", Arg: osc.NoArg,
			Doc: "fades out and ends the engine, as Ctrl-C does",
			Do:  func(netip.AddrPort) { e.requestStop() },
		},
	}
}

// mainFreq returns the word that /engine/freq sets.
func mainFreq(code *patch.Compiled) (uint32, error) {
	if addr, ok := firstSine(code, "freq"); ok {
		return addr, nil
	}
	return 0, errors.New("the patch has no sine")
}

// mainGain returns the word that /engine/gain sets.
func mainGain(code *patch.Compiled) (uint32, error) {
	if addr, ok := nearestGain(code.Program); ok {
		return addr, nil
	}
	if addr, ok := firstSine(code, "amp"); ok {
		return addr, nil
	}
	return 0, errors.New("the patch has no module with a gain, and no sine")
}

// firstSine returns the word of a parameter of the patch's first sine.
func firstSine(code *patch.Compiled, param string) (addr uint32, ok bool) {
	for _, p := range code.Params() {
		if p.Kind == "sine" && p.Param == param {
			return p.Address, true
		}
	}
	return 0, false
}

// nearestGain searches from the output against the flow of the signal, breadth
// first, for a module with a gain.
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

// OSCStatus names the arguments of the answer to /engine/status, in their
// order. New ones are added at the end.
var OSCStatus = []string{
	"state", "block", "rate", "frames", "renderers", "spares", "failovers", "restarts", "lost_frames", "xruns",
	"commands", "late_commands", "dropped_commands", "bad_packets",
}

// oscStatus returns st as those arguments, of the types s, h, i, i, i, i, and h
// for the rest.
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
		st.Failovers, st.Restarts, st.LostFrames, st.Xruns,
		st.Commands, st.LateCommands, st.DroppedCommands, st.BadPackets,
	} {
		args = append(args, int64(n))
	}
	return args
}
