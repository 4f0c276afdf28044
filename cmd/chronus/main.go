//go:build linux

// Command chronus is what people type: it runs the engine, shows what it does, verifies it and replays its tapes.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"chronus/engine/sink"
	"chronus/harness/gate"
)

// Exit codes.
const (
	exitPass    = 0
	exitFail    = 1
	exitUsage   = 2
	exitInvalid = 3 // the machine was too slow or too noisy to judge
)

// cli is the command line. Every flag has an environment variable, CHRONUS_ and its name.
type cli struct {
	Run     runCmd     `cmd:"" help:"Run the engine."`
	Devices devicesCmd `cmd:"" help:"List the sound devices."`
	Send    sendCmd    `cmd:"" help:"Send a command to a running engine by OSC."`
	Status  statusCmd  `cmd:"" help:"Show what a running engine does."`
	Verify  verifyCmd  `cmd:"" help:"Run the scenarios against the real engine and judge it."`
	Compare compareCmd `cmd:"" help:"Hold the results of two revisions against each other."`
	Report  reportCmd  `cmd:"" help:"Write a page with the results of a verification."`
	Replay  replayCmd  `cmd:"" help:"Render a tape again and report the first frame that differs."`
}

// logTo is where a command's log goes, not its result.
type logTo struct{ io.Writer }

// exitError carries an exit code. Its text, if it has any, has not been printed yet.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func usage(err error) error { return &exitError{exitUsage, err} }

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are what kong is told about the command line.
func options(out, errOut io.Writer) []kong.Option {
	return []kong.Option{
		kong.Name("chronus"), kong.Description("A fault-tolerant real-time audio engine, and the harness that proves it."),
		kong.DefaultEnvars("CHRONUS"), kong.Writers(out, errOut), kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Help(help),
		kong.Exit(func(c int) { panic(exitError{code: c}) }), // --help ends here
		kong.Vars{"minRuns": strconv.Itoa(gate.MinRuns), "sinks": sink.Usage()},
		kong.BindTo(out, (*io.Writer)(nil)), kong.Bind(logTo{errOut}),
	}
}

// forgetEmpty makes a variable that is set to nothing, as container tools like to do, as good as none.
func forgetEmpty() {
	for _, v := range os.Environ() {
		if name, value, _ := strings.Cut(v, "="); value == "" && strings.HasPrefix(name, "CHRONUS_") {
			_ = os.Unsetenv(name)
		}
	}
}

// run is the whole command, so that tests can call it. It returns the exit code.
func run(args []string, out, errOut io.Writer) (code int) {
	forgetEmpty()
	parser, err := kong.New(new(cli), options(out, errOut)...)
	if err != nil {
		fmt.Fprintln(errOut, "chronus:", err)
		return exitUsage
	}
	defer func() {
		if e, ok := recover().(exitError); ok {
			code = e.code
		}
	}()
	ctx, err := parser.Parse(markNegative(args))
	if err != nil {
		fmt.Fprintf(errOut, "chronus: %v (chronus --help lists commands and flags)\n", err)
		return exitUsage
	}
	err = ctx.Run()
	var exit *exitError
	switch {
	case err == nil:
		return exitPass
	case errors.As(err, &exit):
		if text := exit.Error(); text != "" {
			fmt.Fprintln(errOut, "chronus:", text)
		}
		return exit.code
	}
	fmt.Fprintln(errOut, "chronus:", err)
	return exitFail
}
