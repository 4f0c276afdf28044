// Package outline reduces kong's model of a command line to what a user may
// type, and writes help, completion scripts and the manual page from that. It
// must not name a command or a flag of its own: a new one appears in all of
// them by being declared.
//
// No library does this well enough. kongplete and kong-completion (last
// released in 2023 and 2022) run the program at every press of Tab, offer no
// descriptions and cannot print a script to install. mango-kong (2022) lists
// hidden flags, leaves arguments out and stamps the page with the time of day.
package outline

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// App is a program: its own flags and its commands.
type App struct {
	Name     string
	Help     string
	Flags    []Flag
	Commands []Command
}

// Command is a command with what follows it.
type Command struct {
	Name   string
	Usage  string // without the program's name: replay <tape> [flags]
	Help   string
	Detail string // what is too long for --help; may be empty
	Flags  []Flag
	Args   []Arg
}

// Flag is a flag of a command.
type Flag struct {
	Name    string // without dashes
	Short   string // one letter, or empty
	Help    string
	Meta    string // stands for the value, as FILE or 44100; empty: it takes none
	Default string // empty without a default, or if Meta is the default
	Env     string // its environment variable, or empty
	Common  bool   // every command has it
	Group   string // what it is about, if others are about the same
	Offer
}

// Arg is an argument that is not a flag.
type Arg struct {
	Name     string
	Summary  string // [<name>], <name> ...
	Help     string
	Default  string // empty without a default
	Optional bool
	Rest     bool // it takes all that follows
	Offer
}

// Offer is what a shell proposes as a value.
type Offer struct {
	Words []string // a word that ends in a colon is followed by a path
	Paths string   // file, dir or empty
}

// Any reports whether there is anything to propose.
func (o Offer) Any() bool { return len(o.Words) > 0 || o.Paths != "" }

// Of returns the outline of a program. Hidden commands and flags are not in
// it. It fails if a command has commands of its own, which the scripts do not
// support.
func Of(model *kong.Application) (*App, error) {
	app := &App{Name: model.Name, Help: model.Help}
	for _, f := range model.Flags {
		if !f.Hidden {
			app.Flags = append(app.Flags, flagOf(f))
		}
	}
	for _, node := range model.Leaves(true) {
		if node.Parent != model.Node {
			return nil, fmt.Errorf("outline: %s: a command below a command", node.FullPath())
		}
		app.Commands = append(app.Commands, CommandOf(model, node))
	}
	return app, nil
}

// CommandOf returns the outline of one command. Of the program's own flags it
// has --help, as the last; the others make sense without a command only.
func CommandOf(model *kong.Application, node *kong.Node) Command {
	c := Command{Name: node.Name, Usage: node.Name, Help: oneLine(node.Help), Detail: node.Detail}
	for _, a := range node.Positional {
		c.Args = append(c.Args, Arg{
			Name: a.Name, Summary: a.Summary(), Help: oneLine(a.Help), Default: a.Default,
			Optional: !a.Required, Rest: a.IsCumulative(), Offer: offerOf(a, a.Tag.PlaceHolder),
		})
		c.Usage += " " + a.Summary()
	}
	for _, f := range node.Flags {
		if !f.Hidden {
			c.Flags = append(c.Flags, flagOf(f))
		}
	}
	if len(c.Flags) > 0 {
		c.Usage += " [flags]"
	}
	if model.HelpFlag != nil {
		c.Flags = append(c.Flags, flagOf(model.HelpFlag))
		c.Flags[len(c.Flags)-1].Common = true
	}
	return c
}

func flagOf(f *kong.Flag) Flag {
	o := Flag{Name: f.Name, Help: oneLine(f.Help), Offer: offerOf(f.Value, f.PlaceHolder)}
	if f.Short != 0 {
		o.Short = string(f.Short)
	}
	if !f.IsBool() {
		o.Meta = strings.Trim(f.FormatPlaceHolder(), `"`)
	}
	if f.HasDefault && f.Default != o.Meta {
		o.Default = f.Default
	}
	if f.Group != nil {
		o.Group = f.Group.Key
	}
	if len(f.Envs) > 0 {
		o.Env = f.Envs[0]
	}
	return o
}

// oneLine joins the lines of a text: a shell has one for a description.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// offerOf derives what to propose from a value's declaration: the values of
// its enum, the words of its tag complete:"a,b", and paths if the placeholder
// is FILE, PATH or DIR.
func offerOf(v *kong.Value, placeholder string) (o Offer) {
	if v.Enum != "" {
		o.Words = v.EnumSlice()
	} else if words := v.Tag.Get("complete"); words != "" {
		o.Words = strings.Split(words, ",")
	}
	switch placeholder {
	case "FILE", "PATH":
		o.Paths = "file"
	case "DIR":
		o.Paths = "dir"
	}
	return o
}
