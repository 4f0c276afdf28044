package metric

import (
	"fmt"
	"io"
	"strings"
)

// WriteTable writes the table of metrics for people, in Markdown.
func WriteTable(w io.Writer) error {
	var b strings.Builder
	b.WriteString("| metric | in runs.txt | at most | worse by | what it is | measured by |\n")
	b.WriteString("| --- | --- | --- | --- | --- | --- |\n")
	for _, m := range table {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n",
			m.Name, m.columnsText(), m.limitText(), m.worseText(), m.Doc, m.Source)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("metric: %w", err)
	}
	return nil
}

func (m Metric) columnsText() string {
	text := "`" + strings.Join(m.Units(), "`, `") + "`"
	if m.Exact {
		text += ", exact"
	}
	return text
}

func (m Metric) limitText() string {
	if !m.Judged() {
		return ""
	}
	return m.Text(m.Limit)
}

func (m Metric) worseText() string {
	if m.Worse == never {
		return ""
	}
	return fmt.Sprintf("%.0f %%", 100*m.Worse)
}
