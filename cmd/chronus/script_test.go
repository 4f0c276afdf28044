//go:build linux

package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"chronus/engine/control"
)

// TestScripts runs the command as a user would type it, from testdata/script.
// What needs signals, /proc or a bound on a number is tested in Go.
func TestScripts(t *testing.T) {
	dir := bin(t)
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", dir+":"+env.Getenv("PATH"))
			env.Setenv("XDG_RUNTIME_DIR", env.Getenv("TMPDIR"))
			env.Setenv("GORACE", os.Getenv("GORACE"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "mistake": mistake, "await": await, "port": port, "socket": socket,
		},
	})
}

// need ends a script whose author has misused a command.
func need(ts *testscript.TestScript, ok bool, usage string) {
	if !ok {
		ts.Fatalf("usage: %s", usage)
	}
}

// exits CODE PROGRAM [ARG]... runs a program, which must exit with that code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) > 1, "exits CODE PROGRAM [ARG]...")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	err = ts.Exec(args[1], args[2:]...)
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("%s exits with %d, not %d", args[1], code, want)
	}
}

// mistake PROGRAM [ARG]... runs a program, which must report a mistake of the
// user in one line after its log, exit with 2 and leave no file behind.
func mistake(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) > 0, "mistake PROGRAM [ARG]...")
	before := files(ts)
	exits(ts, false, append([]string{"2"}, args...))
	if after := files(ts); after != before {
		ts.Fatalf("it leaves files behind: %s, before: %s", after, before)
	}
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("it prints to stdout: %s", out)
	}
	lines := strings.Split(strings.TrimSuffix(ts.ReadFile("stderr"), "\n"), "\n")
	for i, l := range lines {
		if last := i == len(lines)-1; last && !strings.HasPrefix(l, args[0]+": ") {
			ts.Fatalf("the last line does not report a mistake: %s", l)
		} else if !last && !strings.Contains(l, "level=") {
			ts.Fatalf("line %d of %d is not the log's: %s", i+1, len(lines), l)
		}
	}
}

// files lists the working directory, without the directory of sockets and
// other temporary files.
func files(ts *testscript.TestScript) string {
	entries, err := os.ReadDir(ts.Getenv("WORK"))
	ts.Check(err)
	var names []string
	for _, e := range entries {
		if e.Name() != ".tmp" {
			names = append(names, e.Name())
		}
	}
	return strings.Join(names, " ")
}

// await PATTERN PROGRAM [ARG]... runs a program until its output has a match.
func await(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) > 1, "await PATTERN PROGRAM [ARG]...")
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for begin := time.Now(); time.Since(begin) < patience; time.Sleep(20 * time.Millisecond) {
		if err := ts.Exec(args[1], args[2:]...); err == nil && pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
	}
	ts.Fatalf("never: %s", args[0])
}

// port [-busy] VARIABLE sets a variable to a UDP port of 127.0.0.1 that is
// free, or in use until the script ends.
func port(ts *testscript.TestScript, neg bool, args []string) {
	busy := len(args) == 2 && args[0] == "-busy"
	need(ts, !neg && (busy || len(args) == 1), "port [-busy] VARIABLE")
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[len(args)-1], strconv.Itoa(conn.LocalAddr().(*net.UDPAddr).Port))
	if busy {
		ts.Defer(func() { _ = conn.Close() })
		return
	}
	ts.Check(conn.Close())
}

// socket FILE makes a control socket, as if an engine were running.
func socket(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 1, "socket FILE")
	s, err := control.Listen(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Defer(func() { _ = s.Close() })
}
