package osc

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
)

// Command sets one word of the engine's arena.
type Command struct {
	Address uint32 // arena word
	Value   float64
	RecvNS  int64 // CLOCK_MONOTONIC, when its datagram was read
	// BundleEnd marks the last command of a bundle; commands up to it take effect at one instant. A command on its own
	// has it set.
	BundleEnd bool
}

// Router is the Handler that makes commands of messages:
//
//	/mod/<id>/<param>  int32, int64, float32 or float64, finite
//	/gate/<id>         0, 1, T or F
//
// Addresses are compared as they are; OSC patterns are refused. In a bundle, what is wrong is left out and the rest
// takes effect. For one goroutine, that of Server.Serve.
type Router struct {
	// Resolve and ResolveGate find the arena word of a parameter and of a module's gate; their errors say what is unknown.
	Resolve     func(module, param string) (addr uint32, err error)
	ResolveGate func(module string) (addr uint32, err error)
	// Sink takes the commands; false says that there was no room. It must not block. The commands of a bundle come one
	// after the other within one call of Message, the last with BundleEnd: a sink refuses a bundle whole by holding what
	// came (at most MaxBundle) until then.
	Sink func(Command) bool
	// Refused counts what Sink refused.
	Refused atomic.Uint64

	bundle []Command
}

// Message routes one message. The commands of a bundle are held until its last message, which may itself be refused:
// only then is it known which command is the last.
func (r *Router) Message(m *Message) error {
	address, value, err := r.route(m)
	if err == nil {
		r.bundle = append(r.bundle, Command{Address: address, Value: value, RecvNS: m.RecvNS})
	}
	if m.BundleEnd {
		for i, c := range r.bundle {
			c.BundleEnd = i == len(r.bundle)-1
			if !r.Sink(c) {
				r.Refused.Add(1)
			}
		}
		r.bundle = r.bundle[:0]
	}
	if err != nil {
		return fmt.Errorf("%s: %w", clip(m.Address), err)
	}
	return nil
}

func (r *Router) route(m *Message) (address uint32, value float64, err error) {
	if strings.ContainsAny(m.Address, "*?[]{}") {
		return 0, 0, errors.New("address patterns are not supported")
	}
	kind, rest, _ := strings.Cut(strings.TrimPrefix(m.Address, "/"), "/")
	switch kind {
	case "mod":
		module, param, ok := strings.Cut(rest, "/")
		if !ok || module == "" || param == "" || strings.Contains(param, "/") {
			return 0, 0, errors.New("want /mod/<id>/<param>")
		}
		if value, err = number(m.Args); err != nil {
			return 0, 0, err
		}
		address, err = r.Resolve(module, param)
	case "gate":
		if rest == "" || strings.Contains(rest, "/") {
			return 0, 0, errors.New("want /gate/<id>")
		}
		if value, err = gate(m.Args); err != nil {
			return 0, 0, err
		}
		address, err = r.ResolveGate(rest)
	default:
		err = errors.New("no such address (known: /mod/<id>/<param>, /gate/<id>)")
	}
	return address, value, err
}

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
