package osc

import (
	"errors"
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
	// NoArg is for addresses that take none. Their value is 1.
	NoArg = Arg{"none", none}
	// NumberArg is one finite number of any numeric type, or a truth value,
	// which is 1 or 0.
	NumberArg = Arg{"a number: `i`, `h`, `f` or `d`; `T` and `F` are 1 and 0", number}
	// GateArg is the same. What its value does to a gate is in Param.Gate.
	GateArg = Arg{"a velocity: more than 0 opens, 0 closes; or `T` or `F`", number}
	// ButtonArg is what the button of a controller sends: nothing, or a number
	// that is 0 when it is let go. Without an argument the value is 1.
	ButtonArg = Arg{"none, or a button's value: 0 does nothing", button}
)

// none checks that there are no arguments.
func none(args []any) (float64, error) {
	if len(args) > 0 {
		return 0, fmt.Errorf("want no arguments, got %s", count(len(args), "argument"))
	}
	return 1, nil
}

// button returns the value of a button. The answer to StatusAddress has the
// same address and begins with a string, so that two engines that have been
// made to write to each other stop here.
func button(args []any) (float64, error) {
	if len(args) == 0 {
		return 1, nil
	}
	v, err := number(args)
	if err != nil {
		return 0, fmt.Errorf("%w, or nothing", err)
	}
	return v, nil
}

// number returns the one finite number in args.
func number(args []any) (float64, error) {
	if len(args) == 0 {
		return 0, errors.New("want one number, got no argument")
	}
	if len(args) != 1 {
		return 0, fmt.Errorf("want one number, got %s", count(len(args), "argument"))
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
	case bool:
		if a {
			v = 1
		}
	default:
		return 0, fmt.Errorf("want a number, got %s", typeName(a))
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("want a finite number, got %v", v)
	}
	return v, nil
}

func typeName(arg any) string {
	switch a := arg.(type) {
	case nil:
		return "nil"
	case string:
		return "the string " + clip(a)
	case []byte:
		return "a blob of " + count(len(a), "byte")
	case uint64:
		return "a time tag"
	case Array:
		return "an array of " + count(len(a), "argument")
	case Other:
		return fmt.Sprintf("an argument of type %q", byte(a))
	}
	return fmt.Sprintf("a %T", arg)
}

// count returns a number of things in words.
func count[N int | uint64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
