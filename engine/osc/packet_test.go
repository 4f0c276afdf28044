package osc

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"chronus/engine/command"

	"github.com/stretchr/testify/require"
)

func TestEveryHostilePacketIsOneBadPacketAndOneClearLine(t *testing.T) {
	for _, h := range hostiles(t) {
		t.Run(h.name, func(t *testing.T) {
			var got []command.Command
			var lines []string
			s := &Server{BadNotice: Notice{Write: func(l string) { lines = append(lines, l) }}}
			s.datagram(testRouter(&got), h.data, sender, 1)
			require.Empty(t, got)
			require.EqualValues(t, 1, s.Packets.Load())
			require.EqualValues(t, 1, s.Bad.Load())
			require.Len(t, lines, 1)
			require.Contains(t, lines[0], "bad packet from 127.0.0.1:9000: ")
			require.Contains(t, lines[0], h.want)
			require.Less(t, len(lines[0]), 410)
			require.NotContains(t, lines[0], "\n")
			require.NotContains(t, lines[0], "\x1b")
		})
	}
}

func TestArgumentsOfEveryTypeArriveAsSent(t *testing.T) {
	data := raw("/x", ",ihfdsbTFNt", "\x00\x00\x00\x07"+"\x80\x00\x00\x00\x00\x00\x00\x01"+"\x3f\x00\x00\x00"+
		"\x3f\xb9\x99\x99\x99\x99\x99\x9a"+"abcd\x00\x00\x00\x00"+"\x00\x00\x00\x05hello\x00\x00\x00"+
		"\x12\x34\x56\x78\x9a\xbc\xde\xf1")
	var p parser
	ms, err := p.parse(data)
	require.NoError(t, err)
	require.Len(t, ms, 1)
	require.Equal(t, "/x", ms[0].Address)
	require.Equal(t, Immediately, ms[0].TimeTag)
	require.Equal(t, []any{
		int32(7), int64(math.MinInt64 + 1), float32(0.5), 0.1, "abcd", []byte("hello"), true, false, nil,
		uint64(0x123456789abcdef1), // all 64 bits
	}, ms[0].Args)
}

func TestLargestMessageIsReadWhole(t *testing.T) {
	// The address, the tags and the size take 4 bytes each. The last byte of
	// the blob is the last that fits.
	blob := bytes.Repeat([]byte{1}, MaxMessage-12)
	blob[len(blob)-1] = 2
	var p parser
	ms, err := p.parse(packet(t, "/x", blob))
	require.NoError(t, err)
	require.Equal(t, []any{blob}, ms[0].Args)
}

func TestBundleIsSplitByItsSizes(t *testing.T) {
	// go-osc's own reader assigns the last message to the inner bundle and
	// drops that bundle's time tag.
	data := bundle(5,
		packet(t, "/a", 1),
		bundle(0x123456789abcdef1, packet(t, "/b", 2), bundle(7), bundle(9, packet(t, "/c", 3))),
		packet(t, "/d", 4))
	var p parser
	ms, err := p.parse(data)
	require.NoError(t, err)
	var got []Message
	for _, m := range ms {
		got = append(got, Message{Address: m.Address, Args: m.Args, TimeTag: m.TimeTag})
	}
	require.Equal(t, []Message{
		{Address: "/a", Args: []any{int32(1)}, TimeTag: 5},
		{Address: "/b", Args: []any{int32(2)}, TimeTag: 0x123456789abcdef1},
		{Address: "/c", Args: []any{int32(3)}, TimeTag: 9},
		{Address: "/d", Args: []any{int32(4)}, TimeTag: 5},
	}, got)
}

func TestBundleBeyondFourKilobytesIsReadWhole(t *testing.T) {
	elements := make([][]byte, MaxBundle)
	for i := range elements {
		elements[i] = packet(t, "/mod/sine1/freq", i)
	}
	data := bundle(Immediately, elements...)
	require.Greater(t, len(data), MaxMessage)
	var got []command.Command
	s := &Server{}
	s.datagram(testRouter(&got), data, sender, 42)
	require.Zero(t, s.Bad.Load())
	require.Len(t, got, MaxBundle)
	for i, c := range got {
		require.Equal(t, command.Command{Address: 3, Value: float64(i), RecvNS: 42, Frame: command.Untimed}, c)
	}
}

func TestEmptyBundleIsNotBad(t *testing.T) {
	var got []command.Command
	s := &Server{}
	s.datagram(testRouter(&got), bundle(Immediately), sender, 1)
	require.Empty(t, got)
	require.Zero(t, s.Bad.Load())
}

func TestDepthLimitItselfIsAllowed(t *testing.T) {
	var p parser
	ms, err := p.parse(nest(maxDepth, packet(t, "/x", 1)))
	require.NoError(t, err)
	require.Len(t, ms, 1)
}

func TestMessageAllocatesLittle(t *testing.T) {
	var p parser
	data := packet(t, "/mod/sine1/freq", float32(440))
	tags := raw("/mod/sine1/freq", ","+strings.Repeat("T", maxTags), "")
	require.Less(t, testing.AllocsPerRun(100, func() { _, _ = p.parse(data) }), 30.0)
	require.Less(t, testing.AllocsPerRun(100, func() { _, _ = p.parse(tags) }), 200.0)
	flood := raw("/mod/sine1/freq", ","+strings.Repeat("T", 65000), "")
	require.Less(t, testing.AllocsPerRun(100, func() { _, _ = p.parse(flood) }), 10.0)
}

func TestCommandAllocatesLittleOnItsWay(t *testing.T) {
	r := testRouter(nil)
	r.Sink = func([]command.Command) bool { return true }
	s := &Server{}
	for _, data := range [][]byte{
		packet(t, "/mod/sine1/freq", float32(440)),
		bundle(soon, packet(t, "/engine/freq", float32(440))),
	} {
		require.Less(t, testing.AllocsPerRun(100, func() { s.datagram(r, data, sender, 1) }), 30.0)
	}
	require.Zero(t, s.Bad.Load())
}
