package dsp

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"chronus/engine/rig/document"
)

func TestReadmeHasTheTableOfKinds(t *testing.T) {
	document.Table(t, "../../README.md", "engine/dsp, by go generate ./engine/dsp", kindsTable())
}

// kindsTable is the table of kinds for the README, in Markdown.
func kindsTable() string {
	var b strings.Builder
	b.WriteString("| kind | inputs | parameters | what it does |\n")
	b.WriteString("| --- | --- | --- | --- |\n")
	for _, k := range Kinds() {
		var params []string
		for _, q := range k.Params {
			params = append(params, paramText(q))
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Name, inputsText(k), strings.Join(params, "<br>"), k.Doc)
	}
	return b.String()
}

func inputsText(k Kind) string {
	switch {
	case k.MaxInputs == 0:
		return "none"
	case k.MaxInputs == 1:
		return "one"
	}
	return fmt.Sprintf("%d to %d", k.MinInputs, k.MaxInputs)
}

// paramText describes a parameter: what it controls, its range, its default.
func paramText(q Param) string {
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
	values, initial := number(q.Min)+" to "+number(q.Max), number(q.Default)
	if q.Values != nil {
		values = "`" + strings.Join(q.Values, "`, `") + "`"
		initial = "`" + q.Values[int(q.Default)] + "`"
	}
	if q.Unit != "" {
		values += " " + q.Unit
	}
	if q.Seed {
		initial = "the module's own"
	}
	return fmt.Sprintf("`%s`: %s; %s (default: %s)", q.Name, q.Doc, values, initial)
}
