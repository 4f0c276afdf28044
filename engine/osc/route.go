package osc

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"

	"chronus/engine/command"
)

// StatusAddress asks for the engine's status. The answer has the same address,
// and arguments.
const StatusAddress = "/engine/status"

// Route is one address that a Router accepts. Either Word or Do is set.
type Route struct {
	// Address is the OSC address. A part in angle brackets, as in /gate/<id>,
	// stands for any name; the others are compared as they are.
	Address string
	Arg     Arg
	Doc     string // what a message does, as one cell of a Markdown table

	// Word makes each message a command. It returns the word of the state arena
	// that the names in the address stand for, or an error that says which of
	// them is unknown.
	Word func(names []string) (uint32, error)
	// Do is called for each message, with its sender, after the commands of the
	// datagram have been passed on. It must not block. Its effect is not a
	// command that a replica could apply at a frame, so a message with a time
	// tag is refused.
	Do func(from netip.AddrPort)
}

// Router is the Handler that turns messages into commands. Address patterns are
// refused. If part of a bundle is wrong, that part is left out and the rest
// takes effect. A Router may be used by one goroutine only, the one in
// Server.Serve. Its fields are set before that.
type Router struct {
	Routes []Route
	// Timeline returns the Timeline for time tags. It is called at most once
	// per datagram, and only if a tag other than Immediately needs it. If it is
	// nil, time tags are ignored and every command is untimed.
	Timeline func(recvNS int64) Timeline
	// Sink takes all commands of a datagram at once, at most MaxBundle, and
	// reports whether it had room for them. The slice belongs to it afterwards.
	// It must not block.
	Sink func(commands []command.Command) bool
	// Refused counts the commands for which Sink had no room.
	Refused atomic.Uint64
}

// gathered is what one datagram asks for.
type gathered struct {
	commands []command.Command
	actions  []func(from netip.AddrPort)
	timeline *Timeline // nil until a time tag needs it
}

// Handle passes on the commands of a datagram, all at once, and then does
// whatever else its messages ask for. The error is about the first message that
// was refused.
func (r *Router) Handle(datagram []Message) error {
	var (
		g   gathered
		bad error
	)
	for i := range datagram {
		m := &datagram[i]
		if err := r.route(m, &g); err != nil && bad == nil {
			bad = fmt.Errorf("%s: %w", clip(m.Address), err)
		}
	}
	if len(g.commands) > 0 && !r.Sink(g.commands) {
		r.Refused.Add(uint64(len(g.commands)))
	}
	for _, do := range g.actions {
		do(datagram[0].From)
	}
	return bad
}

// route adds what m asks for to g.
func (r *Router) route(m *Message, g *gathered) error {
	if strings.ContainsAny(m.Address, "*?[]{}") {
		return errors.New("address patterns are not supported")
	}
	route, names := r.find(m.Address)
	if route == nil {
		return fmt.Errorf("no such address (known: %s)", r.known(m.Address))
	}
	value, err := route.Arg.value(m.Args)
	if err != nil {
		return err
	}
	if route.Do != nil {
		if !immediate(m.TimeTag) {
			return errors.New("cannot be timed")
		}
		g.actions = append(g.actions, route.Do)
		return nil
	}
	word, err := route.Word(names)
	if err != nil {
		return err
	}
	frame, err := r.frame(m, g)
	if err != nil {
		return err
	}
	g.commands = append(g.commands, command.Command{
		Address: word, Value: value, RecvNS: m.RecvNS, Frame: frame,
	})
	return nil
}

// find returns the route for an address and what stands for the names in it, or
// nil.
func (r *Router) find(address string) (route *Route, names []string) {
	for i := range r.Routes {
		if names, ok := match(r.Routes[i].Address, address); ok {
			return &r.Routes[i], names
		}
	}
	return nil, nil
}

// match compares an address with a route's, part by part.
func match(route, address string) (names []string, ok bool) {
	for more := true; more; {
		var want, got string
		var moreGot bool
		want, route, more = strings.Cut(route, "/")
		got, address, moreGot = strings.Cut(address, "/")
		switch {
		case more != moreGot:
			return nil, false
		case strings.HasPrefix(want, "<") && got != "":
			names = append(names, got)
		case want != got:
			return nil, false
		}
	}
	return names, true
}

// known lists the addresses that begin like the given one, or all if none does.
func (r *Router) known(address string) string {
	var near, all []string
	for i := range r.Routes {
		route := r.Routes[i].Address
		all = append(all, route)
		if first(route) == first(address) {
			near = append(near, route)
		}
	}
	if near == nil {
		near = all
	}
	return strings.Join(near, ", ")
}

// first returns the first part of an address.
func first(address string) string {
	part, _, _ := strings.Cut(strings.TrimPrefix(address, "/"), "/")
	return part
}

// frame returns the frame at which m takes effect, or command.Untimed.
func (r *Router) frame(m *Message, g *gathered) (int64, error) {
	if r.Timeline == nil || immediate(m.TimeTag) {
		return command.Untimed, nil
	}
	if g.timeline == nil {
		t := r.Timeline(m.RecvNS)
		g.timeline = &t
	}
	return g.timeline.FrameAt(m.TimeTag)
}

// immediate reports whether a time tag means "now". The specification has only
// Immediately for that, but some senders use 0.
func immediate(timeTag uint64) bool { return timeTag <= Immediately }
