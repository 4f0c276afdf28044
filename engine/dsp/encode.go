package dsp

import (
	"encoding/binary"
	"math"
)

// An encoded program, all little-endian:
//
//	u32      magic, version, rate, frames, channels, out, number of ops
//	float64  limit
//	per op:
//	  u32      kind, number of inputs, each input
//	  float64  each parameter, as in Initial
//
// Everything else follows from these, so a program has exactly one encoding.
const (
	magic   = 'C' | 'h'<<8 | 'r'<<16 | 'd'<<24
	version = 2
)

// Encode encodes the program for a worker, Initial included. Decode reverses
// it.
func (p *Program) Encode() []byte {
	put := binary.LittleEndian
	var b []byte
	for _, v := range []int{magic, version, p.Rate, p.Frames, p.Channels, p.Out, len(p.Ops)} {
		b = put.AppendUint32(b, uint32(v))
	}
	b = put.AppendUint64(b, math.Float64bits(p.Limit))
	for _, op := range p.Ops {
		b = put.AppendUint32(b, uint32(op.Kind))
		b = put.AppendUint32(b, uint32(len(op.Inputs)))
		for _, in := range op.Inputs {
			b = put.AppendUint32(b, uint32(in))
		}
		for i := range kinds[op.Kind].Params {
			b = put.AppendUint64(b, p.Initial[op.Offset+i])
		}
	}
	return b
}

// Decode decodes what Encode wrote; any other bytes are an error. It allocates
// memory in proportion to len(b) and to the blocks between modules, which are
// limited.
func Decode(b []byte) (*Program, error) {
	r := reader{b: b}
	if r.u32() != magic || r.u32() != version {
		return nil, fail("not an encoded program of this version")
	}
	rate, frames, channels, out, n := int(r.u32()), int(r.u32()), int(r.u32()), int(r.u32()), int(r.u32())
	limit := math.Float64frombits(r.u64())
	if channels != 1 {
		return nil, fail(outside("channels", channels, 1, 1))
	}
	if n > len(r.b)/8 {
		return nil, errShort
	}
	ops := make([]Op, n)
	var params []uint64
	for i := range ops {
		op := &ops[i]
		op.Kind = int(r.u32())
		if op.Kind >= len(kinds) {
			return nil, failOp(i, outside("kind", op.Kind, 0, len(kinds)-1))
		}
		inputs := int(r.u32())
		if inputs > len(r.b)/4 {
			return nil, errShort
		}
		op.Inputs = make([]int, inputs)
		for j := range op.Inputs {
			op.Inputs[j] = int(r.u32())
		}
		for range kinds[op.Kind].Params {
			params = append(params, r.u64())
		}
	}
	if r.short {
		return nil, errShort
	}
	if len(r.b) > 0 {
		return nil, fail("trailing bytes after the encoded program")
	}
	p, err := New(rate, frames, ops, out)
	if err != nil {
		return nil, err
	}
	if err := p.SetLimit(limit); err != nil {
		return nil, err
	}
	for addr, q := range p.params {
		if q == nil {
			continue
		}
		if !q.Holds(math.Float64frombits(params[0])) {
			return nil, fail(q.Name + " is out of range")
		}
		p.Initial[addr], params = params[0], params[1:]
	}
	return p, nil
}

var errShort = fail("the encoded program is truncated")

// reader consumes numbers from the front of b. Past its end it returns zeros
// and sets short.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) u32() uint32 {
	if len(r.b) < 4 {
		r.b, r.short = nil, true
		return 0
	}
	v := binary.LittleEndian.Uint32(r.b)
	r.b = r.b[4:]
	return v
}

func (r *reader) u64() uint64 {
	lo := r.u32()
	return uint64(r.u32())<<32 | uint64(lo)
}
