// Package nearest lists the existing names that a mistyped one may stand for.
// It must not be used to accept a mistyped name.
package nearest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// most is how many names a list has room for.
const most = 8

// List returns the names in one line, those with the least edit distance to
// name first, and how many more there are.
func List(name string, names []string) string {
	names = slices.Clone(names)
	// An absurdly long name resembles no other, and must not cost time.
	if len(name) <= 64 {
		slices.SortStableFunc(names, func(a, b string) int {
			return cmp.Compare(distance(name, a), distance(name, b))
		})
	}
	more := ""
	if n := len(names) - most; n > 0 {
		names, more = names[:most], fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(names, ", ") + more
}

// distance returns the number of bytes to insert, delete or replace to make b
// of a (Wagner and Fischer, 1974).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], d
		}
	}
	return row[len(b)]
}
