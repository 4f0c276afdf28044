package osc

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"

	"chronus/engine/command"
	"chronus/engine/internal/nearest"
)

const (
	// StatusAddress asks for the engine's status. The answer has the same
	// address, and arguments.
	StatusAddress = "/engine/status"
	// CheckAddress asks what became of the other messages of its bundle. The
	// answer has the same address and one argument, a string: Taken, or one of
	// the prefixes and what was wrong.
	CheckAddress = "/engine/check"
	Taken        = "ok"
	Refused      = "refused: " // a mistake in the message
	Dropped      = "dropped: " // for want of room
	Clamped      = "clamped: " // taken, but with another value
	Late         = "late: "    // taken, but at another time
)

// Route is one address that a Router accepts. Either Param or Do is set.
type Route struct {
	// Address is the OSC address. A part in angle brackets, as in /gate/<id>,
	// stands for any name; the others are compared as they are.
	Address string
	Arg     Arg
	Doc     string // what a message does, as one cell of a Markdown table

	// Param makes each message a command. It returns the parameter that the
	// names in the address stand for, or an error that says which of them is
	// unknown.
	Param func(names []string) (Param, error)
	// Do is called for each message whose value is greater than 0, after the
	// commands of the datagram have been passed on. It must not block. Its
	// effect is not a command that a replica could apply at a frame, so a
	// message with a time tag is refused.
	Do func(Request)
}

// Param is a parameter that a command sets.
type Param struct {
	Word uint32 // of the state arena
	Name string
	// Gate is set for a parameter that is a gate: every value greater than 0
	// opens it, as a MIDI velocity does, and every other closes it.
	Gate bool
	// Min and Max are the range. Values outside it are clamped and counted. No
	// range is given if they are equal.
	Min, Max float64
	Unit     string
}

// Request is what Route.Do is called with.
type Request struct {
	From netip.AddrPort
	// Problem says what was wrong with another message of the datagram, as the
	// answer to CheckAddress does, or is empty.
	Problem string
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
	// Clamped counts the values that were outside their range.
	Clamped atomic.Uint64
	// ClampNotice and ClockNotice name values outside their range and time tags
	// that only a wrong clock explains. Neither counts as bad.
	ClampNotice, ClockNotice Notice
	// Trace is called with one line per accepted message, so that a command
	// without effect can be told from one that does not arrive. It may be nil.
	Trace func(line string)
}

// gathered is what one datagram asks for.
type gathered struct {
	commands []command.Command
	actions  []func(Request)
	timeline *Timeline // nil until a time tag needs it
	bad      error     // about the first message that was refused
	refused  int
	problem  string // the first thing worth telling the sender
}

// Handle passes on the commands of a datagram, all at once, and then does
// whatever else its messages ask for. The error is about the first message that
// was refused.
func (r *Router) Handle(datagram []Message) error {
	var g gathered
	for i := range datagram {
		m := &datagram[i]
		if err := r.route(m, &g); err != nil {
			if g.refused++; g.refused == 1 {
				g.bad = fmt.Errorf("%s: %w", clip(m.Address), err)
			}
		}
	}
	if g.refused > 1 {
		g.bad = fmt.Errorf("%w (and %s of its bundle)", g.bad, count(g.refused-1, "more message"))
	}
	if g.bad != nil {
		g.problem = Refused + g.bad.Error()
	}
	if len(g.commands) > 0 && !r.Sink(g.commands) && g.bad == nil {
		g.problem = Dropped + "too many commands wait"
	}
	for _, do := range g.actions {
		do(Request{From: datagram[0].From, Problem: g.problem})
	}
	return g.bad
}

// route adds what m asks for to g.
func (r *Router) route(m *Message, g *gathered) error {
	if strings.ContainsAny(m.Address, "*?[]{}") {
		return errors.New("address patterns are not supported: name one address")
	}
	route, names := r.find(m.Address)
	if route == nil {
		return fmt.Errorf("no such address (known: %s)", r.known(m.Address))
	}
	// First the names: a value for what does not exist is not worth a word.
	var p Param
	var err error
	if route.Param != nil {
		if p, err = route.Param(names); err != nil {
			return err
		}
	}
	value, err := route.Arg.value(m.Args)
	if err != nil {
		return err
	}
	if route.Do != nil {
		if !immediate(m.TimeTag) {
			return errors.New("cannot be timed")
		}
		if value > 0 {
			g.actions = append(g.actions, route.Do)
		}
		r.trace(m, "is done", value)
		return nil
	}
	frame, err := r.frame(m, g)
	if err != nil {
		return err
	}
	value = r.fit(&p, value, m, g)
	g.commands = append(g.commands, command.Command{
		Address: p.Word, Value: value, RecvNS: m.RecvNS, Frame: frame,
	})
	if frame == command.Untimed {
		r.trace(m, "sets "+p.Name, value)
	} else if r.Trace != nil {
		r.trace(m, fmt.Sprintf("sets %s at frame %d", p.Name, frame), value)
	}
	return nil
}

func (r *Router) trace(m *Message, what string, value float64) {
	if r.Trace != nil {
		r.Trace(oneLine(fmt.Sprintf("%s %v from %v %s: %v", clip(m.Address), m.Args, m.From, what, value)))
	}
}

// fit returns the value that p takes for v.
func (r *Router) fit(p *Param, v float64, m *Message, g *gathered) float64 {
	switch {
	case p.Gate && v > 0:
		return 1
	case p.Gate:
		return 0
	case p.Min == p.Max || v >= p.Min && v <= p.Max:
		return v
	}
	fits := min(max(v, p.Min), p.Max)
	r.Clamped.Add(1)
	what := strings.TrimRight(fmt.Sprintf("%v is outside %v to %v %s", v, p.Min, p.Max, p.Unit), " ")
	if g.problem == "" {
		g.problem = fmt.Sprintf("%s%s: %s: %v is taken", Clamped, clip(m.Address), what, fits)
	}
	if r.ClampNotice.Write != nil {
		r.ClampNotice.Add(m.RecvNS, fmt.Sprintf("%s from %v: %s: %v is taken", clip(m.Address), m.From, what, fits))
	}
	return fits
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

// known lists the addresses that begin like the given one, or all if none does,
// the most similar first.
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
	return nearest.List(address, near)
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
	frame, err := g.timeline.FrameAt(m.TimeTag)
	if err != nil {
		return 0, err
	}
	if off := g.timeline.wrong(m.TimeTag); off != "" {
		if g.problem == "" {
			g.problem = fmt.Sprintf("%s%s: time tag %s: acts at once", Late, clip(m.Address), off)
		}
		r.ClockNotice.Add(m.RecvNS, fmt.Sprintf("%s from %v: time tag %s: check the client's clock; acts at once",
			clip(m.Address), m.From, off))
	}
	return frame, nil
}

// immediate reports whether a time tag means "now". The specification has only
// Immediately for that, but some senders use 0.
func immediate(timeTag uint64) bool { return timeTag <= Immediately }
