//go:build linux

package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"chronus/cmd/chronus/internal/outline"
)

const helpWidth = 80

// help prints a command's help in as few lines as possible: everything that
// `chronus run` can do should fit on a terminal of 24 lines. That is why
// environment variables are mentioned once and not with every flag, as kong
// would do.
func help(options kong.HelpOptions, ctx *kong.Context) error {
	node := ctx.Selected()
	if node == nil {
		return kong.DefaultHelpPrinter(options, ctx)
	}
	c := outline.CommandOf(ctx.Model, node)
	type row struct{ name, text, fallback string }
	var rows []row
	groups := map[string]int{} // the row of a group of flags, which only names them
	for _, a := range c.Args {
		rows = append(rows, row{a.Summary, a.Help, a.Default})
	}
	for _, f := range c.Flags {
		name := "--" + f.Name
		if f.Short != "" {
			name = "-" + f.Short + ", " + name
		}
		if f.Meta != "" {
			name += "=" + f.Meta
		}
		at, begun := groups[f.Group]
		switch {
		case f.Group == "":
			rows = append(rows, row{name, f.Help, f.Default})
		case begun:
			rows[at].text += ", " + name
		default:
			groups[f.Group] = len(rows)
			rows = append(rows, row{f.Group, name, ""})
		}
	}
	left := 0
	for _, r := range rows {
		left = max(left, len(r.name))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s %s\n", ctx.Model.Name, c.Usage)
	intro := c.Help
	if len(c.Flags) > 1 {
		intro += " Flags are environment variables too: CHRONUS_OSC_PORT=5005."
	}
	for _, line := range outline.Wrap(intro, helpWidth) {
		fmt.Fprintln(&b, line)
	}
	for _, r := range rows {
		if r.fallback != "" {
			r.text = fmt.Sprintf("%s (default %s)", strings.TrimSuffix(r.text, "."), r.fallback)
		}
		for i, line := range outline.Wrap(r.text, helpWidth-left-4) {
			if i > 0 {
				r.name = ""
			}
			fmt.Fprintf(&b, "  %-*s  %s\n", left, r.name, line)
		}
	}
	_, err := fmt.Fprint(ctx.Stdout, b.String())
	return err
}
