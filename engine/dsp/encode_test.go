package dsp

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDecodeIsTheInverseOfEncode(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for range 100 {
		p := randomProgram(t, r, 1+r.IntN(30))
		require.NoError(t, p.SetLimit(r.Float64()))
		b := p.Encode()
		q, err := Decode(b)
		require.NoError(t, err)
		require.Equal(t, b, q.Encode())
		require.Equal(t, p.Initial, q.Initial)
		require.Equal(t, p.Words(), q.Words())
		shape := func(p *Program) []int { return []int{p.Rate, p.Frames, p.Channels, p.Out, len(p.Ops)} }
		require.Equal(t, shape(p), shape(q))
		require.Equal(t, bitsOf(render(p, slices.Clone(p.Initial), 3)), bitsOf(render(q, q.Initial, 3)))
	}
}

func TestTheEncodingIsFixed(t *testing.T) {
	p := build(t, 44100, 256, node{kind: "const", params: map[string]float64{"value": 1}},
		node{kind: "mix", in: []int{0, 0}})
	require.NoError(t, p.SetLimit(0.5))
	require.Equal(t, []byte("Chrd\x02\x00\x00\x00"+"\x44\xac\x00\x00"+"\x00\x01\x00\x00"+
		"\x01\x00\x00\x00"+"\x01\x00\x00\x00"+"\x02\x00\x00\x00"+
		"\x00\x00\x00\x00\x00\x00\xe0\x3f"+
		"\x01\x00\x00\x00"+"\x00\x00\x00\x00"+"\x00\x00\x00\x00\x00\x00\xf0\x3f"+
		"\x03\x00\x00\x00"+"\x02\x00\x00\x00"+"\x00\x00\x00\x00\x00\x00\x00\x00"+"\x00\x00\x00\x00\x00\x00\xf0\x3f"), p.Encode())
}

func TestDecodeRefuses(t *testing.T) {
	good := build(t, 44100, 256, node{kind: "sine"}, node{kind: "gain", in: []int{0}}).Encode()
	// Seven header words, then the limit at byte 28. Op 0 at 36: kind, number
	// of inputs, freq at 44, amp at 52. Op 1 at 60: kind, number of inputs,
	// input at 68, gain at 72, gate.
	change := func(at int, bytes ...byte) []byte {
		b := slices.Clone(good)
		copy(b[at:], bytes)
		return b
	}
	float := func(at int, v float64) []byte {
		b := slices.Clone(good)
		for i := range 8 {
			b[at+i] = byte(math.Float64bits(v) >> (8 * i))
		}
		return b
	}
	tests := []struct {
		name string
		b    []byte
		want string
	}{
		{"nothing", nil, "not an encoded program of this version"},
		{"other magic", change(0, 'X'), "not an encoded program of this version"},
		{"other version", change(4, 9), "not an encoded program of this version"},
		{"no rate", change(8, 0, 0, 0, 0), "rate 0"},
		{"huge frames", change(12, 255, 255, 255, 255), "frames 4294967295"},
		{"stereo", change(16, 2), "channels 2"},
		{"output out of range", change(20, 2), "output 2"},
		{"huge number of ops", change(24, 255, 255, 255, 255), "truncated"},
		{"an op too many", change(24, 3), "truncated"},
		{"an op too few", change(24, 1, 0, 0, 0), "trailing bytes"},
		{"limit too high", float(28, 1001), "limit is out of range"},
		{"limit below zero", float(28, -1), "limit is out of range"},
		{"limit NaN", float(28, math.NaN()), "limit is out of range"},
		{"unknown kind", change(36, 0xff, 0xff), "op 0: kind 65535"},
		{"huge number of inputs", change(40, 255, 255, 255, 255), "truncated"},
		{"input is itself", change(68, 1), "op 1: input 1"},
		{"parameter out of range", float(44, 20001), "freq is out of range"},
		{"parameter NaN", float(52, math.NaN()), "amp is out of range"},
		{"parameter infinite", float(72, math.Inf(1)), "gain is out of range"},
		{"a byte too many", append(slices.Clone(good), 0), "trailing bytes after the encoded program"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Decode(tt.b)
			require.Nil(t, p)
			require.ErrorContains(t, err, tt.want)
			require.Regexp(t, `^dsp: `, err.Error())
		})
	}
	for n := range good {
		_, err := Decode(good[:n])
		require.Error(t, err, "the first %d bytes", n)
	}
}

func FuzzDecode(f *testing.F) {
	r := rand.New(rand.NewPCG(15, 16))
	for n := range 12 {
		f.Add(randomProgram(f, r, n+1).Encode())
	}
	f.Add([]byte("Chrd"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Decode(b)
		if err != nil {
			require.Nil(t, p)
			return
		}
		require.Equal(t, b, p.Encode())
		require.LessOrEqual(t, p.Words(), MaxWords)
		for _, x := range render(p, slices.Clone(p.Initial), 1) {
			require.True(t, x-x == 0)
		}
	})
}
