package outline

import "strings"

// Wrap breaks a text into lines of at most width characters. A longer word has
// a line of its own; an empty text is one empty line.
func Wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}
