//go:build linux

package main

import (
	"io"

	"github.com/alecthomas/kong"

	"chronus/cmd/chronus/internal/outline"
)

// completionCmd is `chronus completion`.
type completionCmd struct {
	Shell string `arg:"" help:"Shell: bash, zsh or fish." enum:"bash,zsh,fish"`
}

// Help is the manual page's text besides the flags.
func (*completionCmd) Help() string {
	return `The script goes to standard output; its first lines say where to
put it. It is made from the definition of the command line and never runs
chronus itself.`
}

// Run prints the script.
func (c *completionCmd) Run(ctx *kong.Context, out io.Writer) error {
	app, err := outline.Of(ctx.Model)
	if err != nil {
		return err
	}
	return app.Completion(out, c.Shell)
}
