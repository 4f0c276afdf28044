//go:build linux

package main

import (
	"fmt"
	"io"
	"time"

	"github.com/alecthomas/kong"

	"chronus/cmd/chronus/internal/outline"
)

// manCmd is `chronus man`.
type manCmd struct{}

// Help is the manual page's text besides the flags.
func (*manCmd) Help() string {
	return `The page is mdoc(7) source: chronus man | man -l - shows it, and
chronus man >/usr/local/share/man/man1/chronus.1 installs it.`
}

// Run prints the page. Its date is that of the commit, so that the same source
// makes the same page.
func (*manCmd) Run(ctx *kong.Context, out io.Writer) error {
	app, err := outline.Of(ctx.Model)
	if err != nil {
		return err
	}
	v := readVersion()
	date := v.CommitTime
	if date.IsZero() {
		date = time.Now()
	}
	page := outline.Page{
		App: app, Version: "build " + v.BuildID, Date: date,
		Description: `Chronus is an audio engine whose sound survives the death of the
processes that make it. Several worker processes render the same sound at the
same time, bit for bit, each into memory of its own; the player, which feeds the
sound device, takes each block from whichever worker has it. When a worker dies,
the next block comes from another: no frame is lost, and what is heard is
exactly what would have been heard otherwise.

Engines are played by OSC over UDP and watched through a control socket. The
harness starts complete engines, injects faults and checks every frame that
comes out.`,
		Environment: []outline.Item{
			{Name: "XDG_RUNTIME_DIR", Text: "Holds the control socket unless --control names another."},
			{Name: "NO_COLOR", Text: "If it is set to anything, chronus status prints no colors."},
		},
		Files: []outline.Item{
			{Name: "$XDG_RUNTIME_DIR/chronus/control.sock", Text: "The control socket: HTTP, for its owner only."},
			{Name: "/tmp/chronus-UID/control.sock", Text: "The same where XDG_RUNTIME_DIR is not set."},
			{
				Name: "results/latest/",
				Text: "What chronus verify writes: report.html, verdict.json, junit.xml and runs.txt.",
			},
		},
		Examples: []outline.Item{
			{Text: "Play a voice, on the sound device if there is one:", Name: "chronus run --patch voice"},
			{Text: "Begin a note half a second from now:", Name: "chronus send --at 500ms /gate/adsr1 1"},
			{
				Text: "Record ten seconds, then check that they render again to the same bits:",
				Name: "chronus run --tape a.tape --duration 10s && chronus replay a.tape",
			},
			{Text: "Watch a running engine:", Name: "chronus status --watch"},
			{
				Text: "Kill primaries of running engines and check every frame:",
				Name: "chronus verify --run '^kill-primary$'",
			},
		},
	}
	for _, e := range exitCodes {
		page.Exits = append(page.Exits, outline.Item{Name: fmt.Sprint(e.code), Text: e.meaning})
	}
	return page.Write(out)
}
