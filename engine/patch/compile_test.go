package patch

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/dsp"
)

func TestAddressesAreTheWordsThatSetWrites(t *testing.T) {
	c := compile(t, voice)
	p := c.Program
	require.Len(t, c.Params(), 8)
	for _, q := range c.Params() {
		addr, err := c.Address(q.Module, q.Param)
		require.NoError(t, err)
		require.Equal(t, q.Address, addr)
		require.Equal(t, q.Value, math.Float64frombits(p.Initial[addr]))
		require.True(t, p.Set(p.Initial, addr, q.Max))
		require.Equal(t, q.Max, math.Float64frombits(p.Initial[addr]))
	}
	gate, err := c.Gate("gain1")
	require.NoError(t, err)
	addr, err := c.Address("gain1", "gate")
	require.NoError(t, err)
	require.Equal(t, addr, gate)
}

func TestAddressNamesWhatItDoesNotFind(t *testing.T) {
	c := compile(t, voice)
	tests := []struct{ module, param, want string }{
		{"sine2", "freq", `patch: test.toml: no module "sine2"`},
		{"", "", `patch: test.toml: no module ""`},
		{"sine1", "gain", `patch: test.toml: module "sine1" (sine) has no parameter "gain"`},
		{"sine1", "id", `patch: test.toml: module "sine1" (sine) has no parameter "id"`},
	}
	for _, tt := range tests {
		_, err := c.Address(tt.module, tt.param)
		require.EqualError(t, err, tt.want)
	}
	_, err := c.Gate("sine1")
	require.EqualError(t, err, `patch: test.toml: module "sine1" (sine) has no parameter "gate"`)
}

func TestCompileRefusesRatesAndBlocksOutOfRange(t *testing.T) {
	p, err := Load("sine")
	require.NoError(t, err)
	_, err = p.Compile(0, 256)
	require.EqualError(t, err, "patch: sine: dsp: rate 0 is not in 1..768000")
	_, err = p.Compile(44100, 0)
	require.EqualError(t, err, "patch: sine: dsp: frames 0 is not in 1..8192")
}

func TestDifferentProgramsHaveDifferentEpochs(t *testing.T) {
	p, err := Load("sine")
	require.NoError(t, err)
	epoch := func(rate, frames int) uint64 {
		c, err := p.Compile(rate, frames)
		require.NoError(t, err)
		return c.Epoch()
	}
	require.Equal(t, epoch(44100, 256), epoch(44100, 256))
	require.NotEqual(t, epoch(44100, 256), epoch(48000, 256))
	require.NotEqual(t, epoch(44100, 256), epoch(44100, 128))
	require.NotEqual(t, compile(t, voice).Epoch(), compile(t, voice+"value = 1").Epoch())
}

func TestCompiledProgramsShareNothing(t *testing.T) {
	p, err := Parse("test.toml", []byte(voice))
	require.NoError(t, err)
	a, err := p.Compile(44100, 64)
	require.NoError(t, err)
	b, err := p.Compile(44100, 64)
	require.NoError(t, err)
	a.Program.Set(a.Program.Initial, 0, 1)
	a.Program.Ops[1].Inputs[0] = 77
	require.Equal(t, 220.5, math.Float64frombits(b.Program.Initial[0]))
	fresh, err := p.Compile(44100, 64)
	require.NoError(t, err)
	require.Equal(t, b.Program.Encode(), fresh.Program.Encode())
	_, err = dsp.Decode(b.Program.Encode())
	require.NoError(t, err)
}
