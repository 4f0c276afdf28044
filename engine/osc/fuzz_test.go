package osc

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"testing"

	goosc "github.com/hypebeast/go-osc/osc"

	"chronus/engine/command"
)

// handler is a function of a datagram as a Handler.
type handler func(datagram []Message) error

func (h handler) Handle(datagram []Message) error { return h(datagram) }

// FuzzPacket sends any datagram down the whole path. What is accepted must
// survive a round trip, what is refused must be counted, and the commands must
// leave in one call.
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
		var got []command.Command
		calls := 0
		r := testRouter(nil)
		r.Sink = func(c []command.Command) bool {
			got = c
			calls++
			return true
		}
		actions := 0
		for _, address := range []string{StatusAddress, CheckAddress, "/engine/stop"} {
			r.on(address, func(Request) { actions++ })
		}
		messages := 0
		lines := 0
		s := &Server{BadNotice: Notice{Write: func(string) { lines++ }}}
		s.datagram(handler(func(datagram []Message) error {
			messages = len(datagram)
			for _, m := range datagram {
				if m.From != sender || m.RecvNS != 5 {
					t.Fatalf("sender or time lost: %+v", m)
				}
			}
			err := r.Handle(datagram)
			// A button that is let go is accepted and does nothing.
			if accepted := len(got) + actions; err != nil && accepted == messages || accepted > messages {
				t.Fatalf("%d messages, %d commands, %d actions, %v", messages, len(got), actions, err)
			}
			return err
		}), data, sender, 5)

		bad := int(s.Bad.Load())
		if s.Packets.Load() != 1 || bad > 1 || lines != bad || messages > MaxBundle ||
			bad == 0 && len(got)+actions != messages && !bytes.Contains(data, []byte("/engine/st")) {
			t.Fatalf("%d packets, %d bad, %d lines, %d messages", s.Packets.Load(), bad, lines, messages)
		}
		if calls > 1 || (calls == 1) != (len(got) > 0) {
			t.Fatalf("%d calls of the sink, %d commands", calls, len(got))
		}
		for i, c := range got {
			if math.IsNaN(c.Value) || math.IsInf(c.Value, 0) || c.Frame < command.Untimed || c.Frame > 62*44100 {
				t.Fatalf("command %d of %d: %+v", i, len(got), c)
			}
		}
		var p parser
		ms, err := p.parse(data)
		if err != nil || len(ms) != 1 || len(data) > 0 && data[0] == '#' {
			return
		}
		for _, arg := range ms[0].Args {
			switch arg.(type) {
			case uint64, Array, Other:
				return // the client does not send those
			}
		}
		again, err := marshal(ms[0].Address, ms[0].Args)
		if err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		if address, args, err := parseMessage(again); err != nil || address != ms[0].Address || !same(args, ms[0].Args) {
			t.Fatalf("%q came back as %q: %s %v (%v)", data, again, address, args, err)
		}
		// Whatever go-osc reads, it must read as the same.
		if m, err := theirs(data); err == nil && (m.Address != ms[0].Address || !same(m.Arguments, ms[0].Args)) {
			t.Fatalf("%q is %s %v to go-osc and %s %v here", data, m.Address, m.Arguments, ms[0].Address, ms[0].Args)
		}
	})
}

// same compares arguments by their text, which says NaN for every NaN.
func same(a, b []any) bool {
	return len(a) == len(b) && (len(a) == 0 || fmt.Sprintf("%#v", a) == fmt.Sprintf("%#v", b))
}

// theirs decodes a message with go-osc.
func theirs(data []byte) (m *goosc.Message, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	packet, err := goosc.ParsePacket(string(data))
	if m, ok := packet.(*goosc.Message); ok && m != nil && err == nil {
		return m, nil
	}
	return nil, errors.New("not a message")
}

// FuzzAnswer has a client parse any datagram that might come back.
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
