package outline

import (
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Page is a manual page: the outline, and what a declaration cannot hold.
type Page struct {
	*App
	Version     string
	Date        time.Time
	Description string // paragraphs, parted by empty lines
	Environment []Item // besides the variables of the flags
	Files       []Item
	Exits       []Item
	Examples    []Item // Name is a line for a shell
}

// Item is an entry of a list.
type Item struct{ Name, Text string }

// Write writes the page, for section 1, as mdoc(7).
func (p Page) Write(w io.Writer) error { return templates.ExecuteTemplate(w, "manpage.tmpl", p) }

const textWidth = 78

var sentenceEnd = regexp.MustCompile(`([.!?]) ([A-Z])`)

// roffText makes lines of running text: a sentence begins on a line of its own,
// as mdoc asks for, and none is longer than textWidth.
func roffText(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	var lines []string
	for _, sentence := range strings.Split(sentenceEnd.ReplaceAllString(s, "$1\n$2"), "\n") {
		lines = append(lines, Wrap(roffEscape(sentence), textWidth)...)
	}
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}

// roffEscape makes text mean itself. A double dash is the start of a flag and
// must stay two hyphens, which a reader can copy.
func roffEscape(s string) string {
	return strings.NewReplacer(`\`, `\e`, `--`, `\-\-`).Replace(s)
}

// macro is a word that mdoc could take for one of its macros.
var macro = regexp.MustCompile(`^[A-Z%][A-Za-z0-9]{1,2}$|^[[:punct:]]$`)

// roffWord makes a word an argument of a macro's line.
func roffWord(s string) string {
	s = roffEscape(s)
	if macro.MatchString(s) {
		return `\&` + s
	}
	return s
}

// paragraphs parts a text at its empty lines.
func paragraphs(s string) []string { return strings.Split(strings.TrimSpace(s), "\n\n") }

// sentence makes a title of what is declared as a sentence: no capital, unless
// a word is one, and no full stop.
func sentence(s string) string {
	s = strings.TrimSuffix(s, ".")
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' || strings.HasPrefix(s, "A ") {
		s = strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

// own returns the flags that not every command has.
func own(flags []Flag) []Flag {
	return slices.DeleteFunc(slices.Clone(flags), func(f Flag) bool { return f.Common })
}

// widest returns the longest name of a command.
func widest(commands []Command) (name string) {
	for _, c := range commands {
		if len(c.Name) > len(name) {
			name = c.Name
		}
	}
	return name
}
