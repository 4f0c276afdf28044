package osc

import (
	"fmt"
	"math"
)

// Arg is the argument that an address takes.
type Arg struct {
	Doc   string // as one cell of a Markdown table
	value func(args []any) (float64, error)
}

// The kinds of argument.
var (
	// NoArg is for addresses that take none.
	NoArg = Arg{"none", none}
	// NumberArg is one finite number of any numeric type.
	NumberArg = Arg{"a number: `i`, `h`, `f` or `d`", number}
	// GateArg is 0 or 1, as a number or as a truth value.
	GateArg = Arg{"0 or 1, or `T` or `F`", gate}
)

// none checks that there are no arguments. The answer to StatusAddress has the
// same address and does have arguments, so that two engines that have been made
// to write to each other stop here.
func none(args []any) (float64, error) {
	if len(args) > 0 {
		return 0, fmt.Errorf("want no arguments, got %d", len(args))
	}
	return 0, nil
}

// number returns the one finite number in args.
func number(args []any) (float64, error) {
	if len(args) != 1 {
		return 0, fmt.Errorf("want one number, got %d arguments", len(args))
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
		return 0, fmt.Errorf("want a number, got %s", typeName(a))
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("want a finite number, got %v", v)
	}
	return v, nil
}

// gate returns the one switch in args, as 0 or 1.
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
	return 0, fmt.Errorf("want 0 or 1, got %v", v)
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
