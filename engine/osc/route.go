package osc

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"sync/atomic"
)

// Command sets one word of the engine's arena.
type Command struct {
	Address uint32 // arena word
	Value   float64
	RecvNS  int64 // CLOCK_MONOTONIC, when its datagram was read
	At      int64 // the absolute frame it takes effect at, plus one; 0: with the next block
	// BundleEnd marks the last command of a datagram; those of them with the same At take effect at one instant. A command
	// on its own has it set.
	BundleEnd bool
}

// StatusAddress asks for the engine's status; the answer has the same address, and arguments.
const StatusAddress = "/engine/status"

// Router is the Handler that makes commands of messages:
//
//	/mod/<id>/<param>  int32, int64, float32 or float64, finite
//	/gate/<id>         0, 1, T or F
//	/engine/freq       as /mod, of the patch's first sine
//	/engine/gain       as /mod, of the gain nearest to the output
//	/engine/status     nothing; answers the sender
//	/engine/stop       nothing
//
// Addresses are compared as they are; OSC patterns are refused. In a bundle, what is wrong is left out and the rest
// takes effect. For one goroutine, that of Server.Serve.
type Router struct {
	// Resolve and ResolveGate find the arena word of a parameter and of a module's gate; their errors say what is unknown.
	Resolve     func(module, param string) (addr uint32, err error)
	ResolveGate func(module string) (addr uint32, err error)
	// ResolveEngine finds the word that /engine/<name> means, for the names freq and gain. nil: there are no such addresses.
	ResolveEngine func(name string) (addr uint32, err error)
	// Timeline is what time tags are read by. It is asked once for each datagram with a time tag other than "immediately".
	// nil: time tags mean nothing, everything takes effect with the next block.
	Timeline func(recvNS int64) Timeline
	// Status answers /engine/status to its sender, Stop does what /engine/stop asks, after the commands of its datagram.
	// nil: there is no such address. Neither may block.
	Status func(to netip.AddrPort)
	Stop   func()
	// Sink takes the commands; false says that there was no room. It must not block. The commands of a bundle come one
	// after the other within one call of Message, the last with BundleEnd: a sink refuses a bundle whole by holding what
	// came (at most MaxBundle) until then.
	Sink func(Command) bool
	// Refused counts what Sink refused.
	Refused atomic.Uint64

	bundle   []Command
	timeline Timeline // of the datagram in hand
	timed    bool     // timeline has been asked for
	stop     bool     // told to
}

// Message routes one message. The commands of a bundle are held until its last message, which may itself be refused:
// only then is it known which command is the last.
func (r *Router) Message(m *Message) error {
	c, is, err := r.route(m)
	if err == nil && is {
		r.bundle = append(r.bundle, c)
	}
	if m.BundleEnd {
		r.end()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", clip(m.Address), err)
	}
	return nil
}

// end passes on what the datagram held.
func (r *Router) end() {
	for i, c := range r.bundle {
		c.BundleEnd = i == len(r.bundle)-1
		if !r.Sink(c) {
			r.Refused.Add(1)
		}
	}
	stop := r.stop
	r.bundle, r.timed, r.stop = r.bundle[:0], false, false
	if stop {
		r.Stop()
	}
}

// route makes a command of m, or does what m asks, which is no command.
func (r *Router) route(m *Message) (c Command, is bool, err error) {
	if strings.ContainsAny(m.Address, "*?[]{}") {
		return c, false, errors.New("address patterns are not supported")
	}
	c.RecvNS = m.RecvNS
	kind, rest, _ := strings.Cut(strings.TrimPrefix(m.Address, "/"), "/")
	switch kind {
	case "mod":
		module, param, ok := strings.Cut(rest, "/")
		if !ok || module == "" || param == "" || strings.Contains(param, "/") {
			return c, false, errors.New("want /mod/<id>/<param>")
		}
		if c.Value, err = number(m.Args); err == nil {
			c.Address, err = r.Resolve(module, param)
		}
	case "gate":
		if rest == "" || strings.Contains(rest, "/") {
			return c, false, errors.New("want /gate/<id>")
		}
		if c.Value, err = gate(m.Args); err == nil {
			c.Address, err = r.ResolveGate(rest)
		}
	case "engine":
		if (rest == "freq" || rest == "gain") && r.ResolveEngine != nil {
			if c.Value, err = number(m.Args); err == nil {
				c.Address, err = r.ResolveEngine(rest)
			}
			break
		}
		return c, false, r.engine(m, rest)
	default:
		err = errors.New("no such address (known: /mod/<id>/<param>, /gate/<id>, /engine/...)")
	}
	if err == nil {
		c.At, err = r.at(m)
	}
	return c, true, err
}

// engine does what concerns the engine as a whole, at once: none of it is a command that a replica could apply at a frame.
func (r *Router) engine(m *Message, name string) error {
	known := name == "status" && r.Status != nil || name == "stop" && r.Stop != nil
	switch {
	case !known:
		return errors.New("no such address (known: /engine/status, stop, freq, gain)")
	case len(m.Args) > 0:
		// Answers have arguments and the same address: two engines that are made to write to each other stop here.
		return fmt.Errorf("%d arguments, want none", len(m.Args))
	case !immediate(m.TimeTag):
		return errors.New("cannot be timed")
	case name == "stop":
		r.stop = true
	default:
		r.Status(m.From)
	}
	return nil
}

// at is when m takes effect, as Command.At.
func (r *Router) at(m *Message) (int64, error) {
	if r.Timeline == nil || immediate(m.TimeTag) {
		return 0, nil
	}
	if !r.timed {
		r.timeline, r.timed = r.Timeline(m.RecvNS), true
	}
	frame, err := r.timeline.FrameAt(m.TimeTag)
	return frame + 1, err
}

// immediate says whether a time tag means no time. 0 is not in the specification, and what some senders mean by it.
func immediate(timeTag uint64) bool { return timeTag <= Immediately }

// number is the one finite number among args.
func number(args []any) (float64, error) {
	if len(args) != 1 {
		return 0, fmt.Errorf("%d arguments, want one number", len(args))
	}
	var v float64
	switch a := args[0].(type) {
	case int32:
		v = float64(a)
	case int64:
		v = float64(a)
	case float32:
		v = float64(a)
	case float64:
		v = a
	default:
		return 0, fmt.Errorf("argument is %s, want a number", typeName(a))
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("argument is %v, want a finite number", v)
	}
	return v, nil
}

// gate is the one switch among args, as 0 or 1.
func gate(args []any) (float64, error) {
	if len(args) == 1 {
		if on, ok := args[0].(bool); ok {
			if on {
				return 1, nil
			}
			return 0, nil
		}
	}
	v, err := number(args)
	switch {
	case err != nil:
		return 0, err
	case v == 0:
		return 0, nil // not -0
	case v == 1:
		return 1, nil
	}
	return 0, fmt.Errorf("argument is %v, want 0 or 1", v)
}

func typeName(arg any) string {
	switch arg.(type) {
	case nil:
		return "nil"
	case bool:
		return "a truth value"
	case string:
		return "a string"
	case []byte:
		return "a blob"
	case uint64:
		return "a time tag"
	}
	return fmt.Sprintf("a %T", arg)
}
