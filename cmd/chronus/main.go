//go:build linux

// Command chronus is the command line of the engine and its harness: it runs
// the engine, shows its state, sends it commands, verifies it and replays its
// tapes. The work is done by the packages that it calls.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"chronus/engine/patch"
	"chronus/engine/sink"
	"chronus/harness/gate"
)

// Exit codes.
const (
	exitPass    = 0
	exitFail    = 1
	exitUsage   = 2
	exitInvalid = 3
)

// exitCodes explains the exit codes in the manual page.
var exitCodes = []struct {
	code    int
	meaning string
}{
	{exitPass, "The command did what it was asked to; a verification or comparison passed."},
	{exitFail, "The command failed, or a verification, comparison or replay did not pass."},
	{exitUsage, "A flag, an argument or a file is wrong."},
	{exitInvalid, "The machine was too slow or too noisy for chronus verify to judge the engine."},
}

// cli is the command line. Every flag but --help and --version has an
// environment variable: CHRONUS_ and its name.
//
// Besides kong's own tags, completions read two things from a declaration: the
// tag complete:"a,b", words to propose, of which one that ends in a colon is
// followed by a path; and the placeholder, where FILE, PATH and DIR stand for
// paths.
type cli struct {
	ShowVersion kong.VersionFlag `name:"version" help:"Print the version and exit." env:"-"`

	Run        runCmd        `cmd:"" help:"Run the engine."`
	Devices    devicesCmd    `cmd:"" help:"List the sound devices."`
	Send       sendCmd       `cmd:"" help:"Send an OSC message to a running engine."`
	Status     statusCmd     `cmd:"" help:"Show the state of a running engine."`
	Verify     verifyCmd     `cmd:"" help:"Run scenarios against the real engine and judge it."`
	Compare    compareCmd    `cmd:"" help:"Compare the results of two revisions."`
	Report     reportCmd     `cmd:"" help:"Write an HTML page of a verification's results."`
	Replay     replayCmd     `cmd:"" help:"Render a tape again and report the first frame that differs."`
	Version    versionCmd    `cmd:"" help:"Print version, build id and what is installed."`
	Completion completionCmd `cmd:"" help:"Print a completion script for a shell."`
	Man        manCmd        `cmd:"" help:"Print the manual page."`
}

// logTo is where a command writes its log, as opposed to its result.
type logTo struct{ io.Writer }

// exitError carries an exit code and an error that has not been printed yet;
// err may be nil.
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

// usage marks an error as the user's mistake.
func usage(err error) error { return &exitError{exitUsage, err} }

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// newParser returns a parser of the command line.
func newParser(out, errOut io.Writer) (*kong.Kong, error) {
	return kong.New(
		new(cli),
		kong.Name("chronus"),
		kong.Description("A fault-tolerant real-time audio engine, and the harness that proves it."),
		kong.DefaultEnvars("CHRONUS"), kong.Writers(out, errOut), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Help(help),
		kong.Exit(func(c int) { panic(exitError{code: c}) }), // --help and --version end here
		kong.Vars{
			"version": readVersion().String(),
			"minRuns": strconv.Itoa(gate.MinRuns),
			"patches": strings.Join(patch.Builtin(), ", "),
			"sinks":   sink.Usage(),
		},
		kong.BindTo(out, (*io.Writer)(nil)), kong.Bind(logTo{errOut}),
	)
}

// forgetEmpty unsets variables that are set to nothing, as container tools like
// to do, so that they count as unset.
func forgetEmpty() {
	for _, v := range os.Environ() {
		if name, value, _ := strings.Cut(v, "="); value == "" && strings.HasPrefix(name, "CHRONUS_") {
			_ = os.Unsetenv(name)
		}
	}
}

// run is the whole command, for main and for tests. It returns the exit code.
func run(args []string, out, errOut io.Writer) (code int) {
	forgetEmpty()
	parser, err := newParser(out, errOut)
	if err != nil {
		fmt.Fprintln(errOut, "chronus:", err)
		return exitUsage
	}
	defer func() {
		switch e := recover().(type) {
		case nil:
		case exitError:
			code = e.code
		default:
			panic(e)
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
