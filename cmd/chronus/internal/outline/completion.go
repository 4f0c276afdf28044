package outline

import (
	"embed"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

//go:embed *.tmpl
var files embed.FS

// templates are the scripts and the page, each named after what it is for.
var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"add":        func(a, b int) int { return a + b },
	"sh":         quoteSh,
	"fish":       quoteFish,
	"fishOffer":  fishOffer,
	"zshFlags":   zshFlags,
	"zshArg":     zshArg,
	"zshCommand": zshCommand,
	"text":       roffText,
	"word":       roffWord,
	"escape":     roffEscape,
	"paragraphs": paragraphs,
	"upper":      strings.ToUpper,
	"sentence":   sentence,
	"own":        own,
	"widest":     widest,
}).ParseFS(files, "*.tmpl"))

// Shells returns the shells that Completion supports.
func Shells() []string { return []string{"bash", "zsh", "fish"} }

// Completion writes the script that lets a shell complete the program's
// commands, flags and values. The script does not run the program.
func (a *App) Completion(w io.Writer, shell string) error {
	if !slices.Contains(Shells(), shell) {
		return fmt.Errorf("outline: no completions for %s", shell)
	}
	return templates.ExecuteTemplate(w, shell+".tmpl", a)
}

// plain is a word that means itself in every shell.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./:=,@%+-]+$`)

// quoteSh quotes a word for bash and zsh.
func quoteSh(s string) string {
	if plain.MatchString(s) {
		return s
	}
	return `'` + strings.ReplaceAll(s, `'`, `'\''`) + `'`
}

func quoteFish(s string) string {
	return `'` + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + `'`
}

// fishOffer is what fish's complete takes for a value. A word in parentheses is
// a command, whose output is proposed.
func fishOffer(program string, o Offer) string {
	words := slices.Clone(o.Words)
	for _, w := range o.Words {
		if strings.HasSuffix(w, ":") {
			words = append(words, "(__"+program+"_after "+w+")")
		}
	}
	spec := " -f"
	switch o.Paths {
	case "file":
		spec = " -F"
	case "dir":
		words = append(words, "(__fish_complete_directories (commandline -ct))")
	}
	if len(words) > 0 {
		spec += " -a " + quoteFish(strings.Join(words, " "))
	}
	return spec
}

// zshFlags is a flag, by each of its names, as zsh's _arguments takes it.
func zshFlags(program string, f Flag) (specs []string) {
	names := []string{"--" + f.Name}
	if f.Short != "" {
		names = append(names, "-"+f.Short)
	}
	for _, spec := range names {
		if f.Meta != "" {
			spec += "="
		}
		spec += "[" + strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`).Replace(f.Help) + "]"
		if f.Meta != "" {
			spec += ":" + zshText(f.Meta) + ":" + zshAction(program, f.Offer)
		}
		specs = append(specs, quoteSh(spec))
	}
	return specs
}

// zshArg is the n-th argument, from 1, as zsh's _arguments takes it.
func zshArg(program string, n int, a Arg) string {
	number, colon := fmt.Sprint(n), ":"
	if a.Rest {
		number = "*"
	} else if a.Optional {
		colon = "::"
	}
	return quoteSh(number + colon + zshText(a.Name) + ":" + zshAction(program, a.Offer))
}

// zshAction is what _arguments runs for a value. The space at its start keeps
// _arguments from adding options of its own; alone it means: nothing to offer.
func zshAction(program string, o Offer) string {
	if !o.Any() {
		return " "
	}
	action := " _" + program + "_offer '" + o.Paths + "'"
	for _, w := range o.Words {
		action += " " + zshText(w)
	}
	return action
}

func zshText(s string) string { return strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace(s) }

// zshCommand is a command as zsh's _describe takes it.
func zshCommand(c Command) string { return quoteSh(zshText(c.Name) + ":" + c.Help) }
