package patch

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/BurntSushi/toml"
)

// source is a patch's text with its name, for errors that say where.
type source struct {
	name string
	text string
}

// errorf is an error at a line, counted from 1.
func (s source) errorf(line int, format string, args ...any) error {
	msg := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")
	return fmt.Errorf("patch: %s:%d: %s", s.name, line, msg)
}

// syntaxError is an error of the TOML library.
func (s source) syntaxError(err error) error {
	var at toml.ParseError
	if !errors.As(err, &at) {
		return s.errorf(1, "%v", err)
	}
	// Not Position.Line, which is one too many where a line ends too early: `[[module]`.
	before := s.text[:min(max(at.Position.Start, 0), len(s.text))]
	return s.errorf(1+strings.Count(before, "\n"), "%s", at.Message)
}

// maxValueLines is how far line looks for the end of a value. Inside a longer one it may name too early a line.
const maxValueLines = 500

// line finds where something starts to be in the text, 1 if it never is. The TOML library keeps no positions for what it has
// accepted, so it is asked about beginnings of the text: those that end between two lines and not within a value are TOML
// themselves, and there is a first line up to which they contain what is looked for. This costs some parsing, after an error only.
func (s source) line(contains func(root map[string]any) bool) int {
	var ends []int
	for i := 0; i < len(s.text); i++ {
		if s.text[i] == '\n' || i == len(s.text)-1 {
			ends = append(ends, i+1)
		}
	}
	i := sort.Search(len(ends), func(i int) bool {
		for _, end := range ends[i:min(i+maxValueLines, len(ends))] {
			var root map[string]any
			if _, err := toml.Decode(s.text[:end], &root); err == nil {
				return contains(root)
			}
		}
		return true
	})
	if i == len(ends) {
		return 1
	}
	return i + 1
}

// lineOf is the line of a key at the top level.
func (s source) lineOf(key string) int {
	return s.line(func(root map[string]any) bool { _, ok := root[key]; return ok })
}

// lineOfModule is the line where module i begins or, if a key is given, that key's line within it.
func (s source) lineOfModule(i int, key string) int {
	return s.line(func(root map[string]any) bool {
		tables, _ := tablesOf(root["module"])
		if len(tables) <= i {
			return false
		}
		_, ok := tables[i][key]
		return ok || key == ""
	})
}

// tablesOf takes a list of tables however it was written, as [[module]] or inline.
func tablesOf(v any) ([]map[string]any, bool) {
	switch v := v.(type) {
	case []map[string]any:
		return v, true
	case []any:
		var tables []map[string]any
		for _, e := range v {
			t, ok := e.(map[string]any)
			if !ok {
				return nil, false
			}
			tables = append(tables, t)
		}
		return tables, true
	}
	return nil, false
}

// typeName is what TOML calls the type of v.
func typeName(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case bool:
		return "a boolean"
	case []any, []map[string]any:
		return "an array"
	case map[string]any:
		return "a table"
	}
	return "a date or time"
}
