package control

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A kind that is declared and not in the table would be judged by no scenario.
func TestTheTableHasEveryKindThatIsDeclared(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "event.go", nil, parser.ParseComments)
	require.NoError(t, err)
	var declared []string
	for _, d := range file.Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST || !strings.HasPrefix(group.Doc.Text(), "Kinds of Event") {
			continue
		}
		for _, spec := range group.Specs {
			name, err := strconv.Unquote(spec.(*ast.ValueSpec).Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			declared = append(declared, name)
		}
	}
	require.NotEmpty(t, declared)
	var listed []string
	for _, k := range Kinds() {
		listed = append(listed, k.Name)
	}
	require.ElementsMatch(t, declared, listed)
}
