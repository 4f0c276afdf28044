//go:build linux

package engine

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"chronus/engine/control"
	"chronus/engine/dsp"
	"chronus/engine/internal/nearest"
	"chronus/engine/osc"
	"chronus/engine/patch"
)

//go:generate go test . -run TestReadmeHasTheTableOfAddresses -update

// OSCAddresses returns the OSC addresses that an engine accepts, for
// documentation. Their functions must not be called.
func OSCAddresses() []osc.Route { return routes(nil) }

// routes is the table of the OSC addresses that e accepts. It is the only place
// that lists them.
func routes(e *Engine) []osc.Route {
	var p params
	if e != nil {
		p = newParams(e.code)
	}
	return []osc.Route{
		{
			Address: "/mod/<id>/<param>", Arg: osc.NumberArg,
			Doc:   "sets a parameter of a module of the patch",
			Param: func(names []string) (osc.Param, error) { return p.find(names[0], names[1]) },
		},
		{
			Address: "/gate/<id>", Arg: osc.GateArg,
			Doc:   "opens or closes the gate of a module that has one",
			Param: func(names []string) (osc.Param, error) { return p.gate(names[0]) },
		},
		{
			Address: "/engine/freq", Arg: osc.NumberArg,
			Doc:   "sets `freq` of the patch's first sine",
			Param: func([]string) (osc.Param, error) { return p.at(mainFreq(e.code)) },
		},
		{
			Address: "/engine/gain", Arg: osc.NumberArg,
			Doc:   "sets `gain` of the module nearest to the output that has one; if there is none, `amp` of that sine",
			Param: func([]string) (osc.Param, error) { return p.at(mainGain(e.code)) },
		},
		{
			Address: osc.StatusAddress, Arg: osc.ButtonArg,
			Doc: "is answered to the sender, from the same port",
			Do: func(r osc.Request) {
				e.answer(r, osc.StatusAddress, func() []any { return oscStatus(e.Status()) })
			},
		},
		{
			Address: osc.CheckAddress, Arg: osc.NoArg,
			Doc: "is answered with what became of the other messages of its bundle",
			Do: func(r osc.Request) {
				e.answer(r, osc.CheckAddress, func() []any { return []any{cmp.Or(r.Problem, osc.Taken)} })
			},
		},
		{
			Address: "/engine/stop", Arg: osc.ButtonArg,
			Doc: "fades out and ends the engine, as Ctrl-C does",
			Do:  func(osc.Request) { e.requestStop() },
		},
	}
}

func (e *Engine) answer(r osc.Request, address string, args func() []any) {
	if err := e.osc.Answer(r.From, address, args); err != nil {
		e.cfg.Log.Debug("cannot answer by OSC", "error", err)
	}
}

// params finds the parameters of a patch by their names.
type params struct {
	code   *patch.Compiled
	byWord map[uint32]osc.Param
}

func newParams(code *patch.Compiled) params {
	p := params{code, make(map[uint32]osc.Param, len(code.Params()))}
	for _, i := range code.Params() {
		p.byWord[i.Address] = osc.Param{
			Word: i.Address, Name: i.Module + "/" + i.Param, Gate: i.Param == gateParam,
			Min: i.Min, Max: i.Max, Unit: i.Unit,
		}
	}
	return p
}

// gateParam is the name of the parameter of every module that has a gate.
const gateParam = "gate"

// at returns the parameter of a word, for mainFreq and mainGain.
func (p *params) at(word uint32, err error) (osc.Param, error) {
	if err != nil {
		return osc.Param{}, err
	}
	return p.byWord[word], nil
}

// find returns a parameter. The error lists what there is, the most similar
// first.
func (p *params) find(module, param string) (osc.Param, error) {
	if word, err := p.code.Address(module, param); err == nil {
		return p.byWord[word], nil
	}
	var own []string
	for _, i := range p.code.Params() {
		if i.Module == module {
			own = append(own, i.Param)
		}
	}
	if own == nil {
		return osc.Param{}, p.noModule(module)
	}
	return osc.Param{}, fmt.Errorf("module %q has no parameter %s (it has: %s)",
		module, quote(param), nearest.List(param, own))
}

// gate returns the gate of a module.
func (p *params) gate(module string) (osc.Param, error) {
	if word, err := p.code.Gate(module); err == nil {
		return p.byWord[word], nil
	}
	known := false
	var with []string
	for _, i := range p.code.Params() {
		known = known || i.Module == module
		if i.Param == gateParam {
			with = append(with, i.Module)
		}
	}
	switch {
	case !known:
		return osc.Param{}, p.noModule(module)
	case with == nil:
		return osc.Param{}, fmt.Errorf("module %q has no gate, nor has any other of this patch", module)
	}
	return osc.Param{}, fmt.Errorf("module %q has no gate (with one: %s)", module, nearest.List(module, with))
}

func (p *params) noModule(module string) error {
	var all []string
	for _, i := range p.code.Params() {
		if len(all) == 0 || all[len(all)-1] != i.Module {
			all = append(all, i.Module)
		}
	}
	return fmt.Errorf("no module %s (the patch has: %s)", quote(module), nearest.List(module, all))
}

// quote quotes a name from outside, which may be of any length.
func quote(name string) string { return fmt.Sprintf("%.64q", name) }

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
	"kernel_drops", "waiting_commands", "coalesced_commands", "clamped_commands", "withheld_answers",
}

// oscStatus returns st as those arguments: one s, and i for the rest, saturated
// at 2^31-1. Many clients (sclang, Pure Data, Max, Perl) cannot read h, and
// shift every argument behind one.
func oscStatus(st control.Status) []any {
	var renderers, spares uint64
	for _, w := range st.Workers {
		switch w.State {
		case control.WorkerRendering:
			renderers++
		case control.WorkerIdle:
			spares++
		}
	}
	args := []any{st.State}
	for _, n := range []uint64{
		st.Block, uint64(st.Rate), uint64(st.Frames), renderers, spares,
		st.Failovers, st.Restarts, st.LostFrames, st.Xruns,
		st.Commands, st.LateCommands, st.DroppedCommands, st.BadPackets,
		st.KernelDrops, st.WaitingCommands, st.CoalescedCommands, st.ClampedCommands, st.WithheldAnswers,
	} {
		args = append(args, int32(min(n, math.MaxInt32)))
	}
	return args
}
