package patch

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/BurntSushi/toml"
)

// source is the text of a patch and its name, for errors that name a line.
type source struct {
	name string
	text string
}

// errorf returns an error at a line; lines count from 1.
func (s source) errorf(line int, format string, args ...any) error {
	msg := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")
	return fmt.Errorf("patch: %s:%d: %s", s.name, line, msg)
}

// syntaxError returns an error of the TOML library with its line.
func (s source) syntaxError(err error) error {
	var at toml.ParseError
	if !errors.As(err, &at) {
		return s.errorf(1, "%v", err)
	}
	// Position.Line is one too many where a line ends too early, as in
	// `[[module]`.
	before := s.text[:min(max(at.Position.Start, 0), len(s.text))]
	return s.errorf(1+strings.Count(before, "\n"), "%s", at.Message)
}

// maxValueLines is how many lines ahead line looks for the end of a value.
// Within a longer value it may return a line that is too early.
const maxValueLines = 500

// line returns the first line up to which the text contains something, or 1 if
// it never does. The TOML library keeps no positions for what it has accepted,
// so line decodes prefixes of the text instead: a prefix that ends between two
// lines and not within a value is TOML itself, and a binary search finds the
// first that contains what is sought. The cost of parsing so often is paid only
// after an error.
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

// lineOf returns the line of a top-level key.
func (s source) lineOf(key string) int {
	return s.line(func(root map[string]any) bool { _, ok := root[key]; return ok })
}

// lineOfModule returns the line where module i begins or, if key is not empty,
// the line of that key within it.
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

// tablesOf returns v as a list of tables, whether it was written as [[module]]
// or inline. ok is false if v is something else.
func tablesOf(v any) (tables []map[string]any, ok bool) {
	switch v := v.(type) {
	case []map[string]any:
		return v, true
	case []any:
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

// typeName returns what TOML calls the type of v, with an article.
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
