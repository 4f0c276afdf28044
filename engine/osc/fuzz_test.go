package osc

import (
	"math"
	"net/netip"
	"testing"
)

// FuzzPacket sends anything down the whole path. What is accepted must survive a round trip, what is not must be
// counted, and no command may leave without the end of its bundle.
func FuzzPacket(f *testing.F) {
	for _, h := range hostiles(f) {
		f.Add(h.data)
	}
	good := packet(f, "/mod/sine1/freq", float32(440))
	f.Add(good)
	f.Add(packet(f, "/gate/env", true))
	f.Add(packet(f, "/gate/env", int64(1)))
	f.Add(packet(f, "/mod/sine1/amp", 0.5))
	f.Add(packet(f, "/x", "text", []byte("blob"), nil, false))
	f.Add(bundle(Immediately, good, bundle(7, good), packet(f, "/nothing")))
	f.Add(nest(maxDepth, good))
	f.Add(bundle(soon, good, packet(f, "/engine/freq", 1)))
	f.Add(packet(f, "/engine/status"))
	f.Add(packet(f, "/engine/stop"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > maxDatagram {
			data = data[:maxDatagram]
		}
		var got []Command
		r := testRouter(&got)
		asked := 0
		r.Status = func(netip.AddrPort) { asked++ }
		stops := 0
		r.Stop = func() { stops++ }
		engine := 0
		refused, messages := 0, 0
		h := HandlerFunc(func(m *Message) error {
			messages++
			if m.From != somebody || m.RecvNS != 5 {
				t.Fatalf("sender or time lost: %+v", m)
			}
			err := r.Message(m)
			if err != nil {
				refused++
			} else if m.Address == "/engine/status" || m.Address == "/engine/stop" {
				engine++
			}
			return err
		})
		lines := 0
		s := &Server{OnBad: func(string) { lines++ }}
		s.datagram(h, data, somebody, 5)

		bad := int(s.Bad.Load())
		if s.Packets.Load() != 1 || bad > 1 || lines != bad {
			t.Fatalf("%d packets, %d bad, %d lines", s.Packets.Load(), bad, lines)
		}
		if refused > 0 && bad == 0 || len(got)+refused+engine != messages || asked > engine || stops > 1 || messages > MaxBundle {
			t.Fatalf("%d messages, %d refused, %d commands, %d bad", messages, refused, len(got), bad)
		}
		for i, c := range got {
			if math.IsNaN(c.Value) || math.IsInf(c.Value, 0) || c.BundleEnd != (i == len(got)-1) || c.At < 0 || c.At > 62*44100 {
				t.Fatalf("command %d of %d: %+v", i, len(got), c)
			}
		}
		var p parser
		ms, err := p.parse(data)
		if err != nil || len(ms) != 1 || len(data) > 0 && data[0] == '#' {
			return
		}
		for _, arg := range ms[0].Args {
			if _, ok := arg.(uint64); ok {
				return // a time tag, which the client does not send
			}
		}
		if again, err := marshal(ms[0].Address, ms[0].Args); err != nil || string(again) != string(data) {
			t.Fatalf("%q came back as %q (%v)", data, again, err)
		}
	})
}

// FuzzAnswer is what a client makes of anything that comes back.
func FuzzAnswer(f *testing.F) {
	f.Add(packet(f, "/engine/status", "playing", int64(7), 2))
	f.Add(bundle(Immediately, packet(f, "/x"), packet(f, "/engine/status", true)))
	for _, h := range hostiles(f) {
		f.Add(h.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		args, ok := answer(new(parser), data, "/engine/status")
		if !ok && args != nil {
			t.Fatalf("%v", args)
		}
	})
}
