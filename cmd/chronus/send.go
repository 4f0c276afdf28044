//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"chronus/engine"
	"chronus/engine/osc"
)

// sendCmd is `chronus send`.
type sendCmd struct {
	OSCHost string        `help:"Address that the engine receives OSC on." name:"osc-host" default:"127.0.0.1"`
	OSCPort int           `help:"UDP port that it receives OSC on." name:"osc-port" default:"5005"`
	At      time.Duration `help:"Take effect this long from now, on the exact frame." placeholder:"D"`
	Address string        `arg:"" help:"OSC address, as /mod/sine1/freq, /gate/adsr1 or /engine/status." complete:"/engine/status,/engine/stop,/engine/freq,/engine/gain"`
	Args    []string      `arg:"" optional:"" help:"440 is an int32, 440.0 a float32, true and false are booleans, anything else is text. The prefixes i:, h:, f:, d: and s: make it an int32, int64, float32, float64 or text."`
}

// Help is the manual page's text besides the flags.
func (*sendCmd) Help() string {
	return `/engine/status prints the engine's answer. Otherwise nothing is
printed: over UDP a message that arrives is not acknowledged, but the exit code
is 1 if nothing listens on the port.`
}

const (
	// answerLimit is how long the answer to a question is waited for,
	// checkLimit how long the engine's word on a message, which does not come
	// if another program listens.
	answerLimit = time.Second
	checkLimit  = 100 * time.Millisecond
)

// Run sends one message and reports what the engine says of it. If the answer
// does not come, it reports nothing: UDP promises nothing.
func (s *sendCmd) Run(out io.Writer) error {
	if s.OSCPort < 1 || s.OSCPort > 65535 {
		return usage(fmt.Errorf("--osc-port %d: must be 1 to 65535", s.OSCPort))
	}
	if s.At < 0 || s.At > osc.Horizon {
		return usage(fmt.Errorf("--at %s: must be 0 to %s", s.At, osc.Horizon))
	}
	args := make([]any, len(s.Args))
	for i, text := range s.Args {
		v, err := oscArg(text)
		if err != nil {
			return usage(err)
		}
		args[i] = v
	}
	c, err := osc.Dial(net.JoinHostPort(s.OSCHost, strconv.Itoa(s.OSCPort)))
	if err != nil {
		return usage(err)
	}
	defer c.Close()
	if (s.Address == osc.StatusAddress || s.Address == osc.CheckAddress) && s.At == 0 && len(args) == 0 {
		values, err := c.Ask(s.Address, answerLimit)
		if err != nil {
			return err
		}
		if s.Address == osc.CheckAddress {
			_, err := fmt.Fprintln(out, values...)
			return err
		}
		return printAnswer(out, values)
	}
	var at time.Time
	if s.At > 0 {
		at = time.Now().Add(s.At)
	}
	said, err := c.Check(checkLimit, at, s.Address, args...)
	switch {
	case errors.Is(err, osc.ErrMalformed):
		return usage(err)
	case err != nil || said == "" || said == osc.Taken:
		return err
	case strings.HasPrefix(said, osc.Refused):
		return usage(errors.New(said))
	case strings.HasPrefix(said, osc.Dropped):
		return errors.New(said)
	}
	_, err = fmt.Fprintln(out, said)
	return err
}

func printAnswer(out io.Writer, values []any) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, v := range values {
		name := "?" // an engine of a later version may send more
		if i < len(engine.OSCStatus) {
			name = engine.OSCStatus[i]
		}
		fmt.Fprintf(w, "%s\t%v\n", name, v)
	}
	return w.Flush()
}

// oscArg parses an argument: by its prefix if it has one, otherwise by its
// form.
func oscArg(text string) (any, error) {
	if kind, rest, ok := strings.Cut(text, ":"); ok && len(kind) == 1 && strings.Contains("ihfdsn", kind) {
		v, err := typedArg(kind, rest)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", text, err)
		}
		return v, nil
	}
	switch text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	if v, err := typedArg("n", text); err == nil {
		return v, nil
	}
	return text, nil
}

func typedArg(kind, text string) (any, error) {
	switch kind {
	case "s":
		return text, nil
	case "i":
		v, err := strconv.ParseInt(text, 10, 32)
		return int32(v), numError(err, "an int32")
	case "h":
		v, err := strconv.ParseInt(text, 10, 64)
		return v, numError(err, "an int64")
	case "f":
		v, err := finite(text, 32)
		return float32(v), numError(err, "a finite float32")
	case "d":
		v, err := finite(text, 64)
		return v, numError(err, "a finite float64")
	}
	// "n": a number, whose form determines its type.
	if v, err := strconv.ParseInt(text, 10, 64); err == nil && v >= math.MinInt32 && v <= math.MaxInt32 {
		return int32(v), nil
	} else if err == nil {
		return v, nil
	}
	v, err := finite(text, 32)
	if !strings.ContainsAny(text, ".eE") {
		err = strconv.ErrSyntax
	}
	return float32(v), numError(err, "a number: an integer, or a finite float32 with a point or an exponent")
}

func finite(text string, bits int) (float64, error) {
	v, err := strconv.ParseFloat(text, bits)
	if err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
		err = strconv.ErrRange
	}
	return v, err
}

func numError(err error, want string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("want %s", want)
}

// markNegative makes negative numbers usable as arguments of send, where kong
// would take them for flags, by putting the prefix n: in front of them.
func markNegative(args []string) []string {
	if len(args) == 0 || args[0] != "send" {
		return args
	}
	args = slices.Clone(args)
	for i, a := range args {
		if before := args[max(i-1, 0)]; strings.HasPrefix(before, "--") && !strings.Contains(before, "=") {
			continue // the value of a flag
		}
		if _, err := strconv.ParseFloat(a, 64); strings.HasPrefix(a, "-") && err == nil {
			args[i] = "n:" + a
		}
	}
	return args
}
