//go:build linux

package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

const helpWidth = 80

// help prints a command's help in as few lines as it takes: what `chronus run` can do is to be seen at once on a terminal
// of 24 lines. So the variables of the environment are told of once and not with every flag.
func help(options kong.HelpOptions, ctx *kong.Context) error {
	node := ctx.Selected()
	if node == nil {
		return kong.DefaultHelpPrinter(options, ctx)
	}
	var rows [][2]string
	groups := map[string]int{} // rows of the groups
	for _, arg := range node.Positional {
		rows = append(rows, [2]string{arg.Summary(), arg.Help})
	}
	for _, group := range node.AllFlags(true) {
		for _, f := range group {
			name := "--" + f.Name
			if f.Short != 0 {
				name = fmt.Sprintf("-%c, %s", f.Short, name)
			}
			if !f.IsBool() {
				name += "=" + strings.Trim(f.FormatPlaceHolder(), `"`)
			}
			if f.Group == nil {
				rows = append(rows, [2]string{name, f.Help})
				continue
			}
			// A group is one row, which names its flags.
			row, begun := groups[f.Group.Key]
			if !begun {
				row = len(rows)
				groups[f.Group.Key] = row
				rows = append(rows, [2]string{f.Group.Key, name})
				continue
			}
			rows[row][1] += ", " + name
		}
	}
	left := 0
	for _, r := range rows {
		left = max(left, len(r[0]))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s %s\n", ctx.Model.Name, node.Summary())
	for _, line := range wrap(node.Help+" The environment sets flags too: CHRONUS_OSC_PORT=5005.", helpWidth) {
		fmt.Fprintln(&b, line)
	}
	for _, r := range rows {
		for i, line := range wrap(r[1], helpWidth-left-4) {
			if i > 0 {
				r[0] = ""
			}
			fmt.Fprintf(&b, "  %-*s  %s\n", left, r[0], line)
		}
	}
	_, err := fmt.Fprint(ctx.Stdout, b.String())
	return err
}

// wrap breaks a text into lines of at most so many characters.
func wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}
