package patch

import (
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"

	"chronus/engine/dsp"
)

// Compiled is a patch compiled for one sample rate and block size, with the
// addresses of its parameters.
type Compiled struct {
	Program *dsp.Program

	name  string
	epoch uint64
	ops   map[string]int // by module id
	infos []ParamInfo
}

// ParamInfo describes one parameter of a compiled patch.
type ParamInfo struct {
	Module  string
	Kind    string
	Param   string
	Unit    string
	Address uint32 // index of its arena word
	Min     float64
	Max     float64
	Value   float64 // initial
}

// Compile makes the program for a sample rate in Hz and blocks of that many
// frames. The error is that of dsp.New, for a rate or a block size that no
// engine runs at.
func (p *Patch) Compile(rate, frames int) (*Compiled, error) {
	ops := make([]dsp.Op, len(p.modules))
	for i, m := range p.modules {
		ops[i] = dsp.Op{Kind: m.kind, Inputs: slices.Clone(m.inputs)}
	}
	prog, err := dsp.New(rate, frames, ops, p.out)
	if err != nil {
		return nil, fmt.Errorf("patch: %s: %w", p.name, err)
	}
	if err := prog.SetLimit(p.limit); err != nil {
		return nil, fmt.Errorf("patch: %s: %w", p.name, err)
	}
	c := &Compiled{Program: prog, name: p.name, ops: make(map[string]int, len(ops))}
	for i, m := range p.modules {
		c.ops[m.id] = i
		kind := dsp.Kinds()[m.kind]
		for j, q := range kind.Params {
			lo, hi := q.Range()
			addr := uint32(prog.Ops[i].Offset + j)
			prog.Set(prog.Initial, addr, m.values[j])
			c.infos = append(c.infos, ParamInfo{
				Module: m.id, Kind: kind.Name, Param: q.Name, Unit: q.Unit,
				Address: addr, Min: lo, Max: hi, Value: m.values[j],
			})
		}
	}
	c.epoch = xxhash.Sum64(prog.Encode())
	return c, nil
}

// Address returns the address of a module's parameter, which is the index of
// its arena word. The error names what the patch does not have.
func (c *Compiled) Address(module, param string) (addr uint32, err error) {
	i, ok := c.ops[module]
	if !ok {
		return 0, fmt.Errorf("patch: %s: no module %q", c.name, module)
	}
	op := c.Program.Ops[i]
	kind := &dsp.Kinds()[op.Kind]
	j, ok := kind.ParamIndex(param)
	if !ok {
		return 0, fmt.Errorf("patch: %s: module %q (%s) has no parameter %q", c.name, module, kind.Name, param)
	}
	return uint32(op.Offset + j), nil
}

// Gate returns the address of a module's gate.
func (c *Compiled) Gate(module string) (addr uint32, err error) { return c.Address(module, "gate") }

// Params returns every parameter, sorted by address. The caller must not modify
// the slice.
func (c *Compiled) Params() []ParamInfo { return c.infos }

// Epoch returns a hash of the encoded program: processes that agree on it agree
// on every sample.
func (c *Compiled) Epoch() uint64 { return c.epoch }
