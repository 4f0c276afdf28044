package failpoint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// paths are, by package, the functions that must have a failpoint between any
// two stores.
var paths = map[string][]string{
	"../ring":      {"Publish", "CopyState"},
	"../../worker": {"publish", "restore"},
	"../../player": {"deliver", "seal", "look", "finish"},
}

// shared are the names through which these functions store into shared memory
// or into a state that is being restored.
var shared = map[string]bool{
	"e": true, "d": true, "s": true, "r": true, "w.own": true, "p.Player": true,
	"toSamples": true, "toState": true, "state": true, "samples": true,
}

// declarations returns those of a package, without its tests.
func declarations(t *testing.T, dir string) (all []ast.Decl) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		all = append(all, f.Decls...)
	}
	return all
}

// TestEveryPointIsPassedInOnePlace reads the source of the data path: each
// point occurs in it once, and between two stores of a path there is always
// one.
func TestEveryPointIsPassedInOnePlace(t *testing.T) {
	seen := map[string]int{}
	for dir, funcs := range paths {
		found := 0
		for _, decl := range declarations(t, dir) {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Body == nil { // written in assembly
				continue
			}
			for _, name := range funcs {
				if fn.Name.Name == name {
					found++
					storesAreApart(t, dir+":"+name, fn.Body)
				}
			}
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				if p, ok := hit(n); ok {
					seen[p]++
				}
				return true
			})
		}
		require.Equal(t, len(funcs), found, dir)
	}
	source, err := parser.ParseFile(token.NewFileSet(), "points.go", nil, 0)
	require.NoError(t, err)
	points := 0
	ast.Inspect(source, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Names) != 1 || !ast.IsExported(spec.Names[0].Name) {
			return true
		}
		name := spec.Names[0].Name
		if strings.HasPrefix(name, "Publish") || strings.HasPrefix(name, "Restore") || strings.HasPrefix(name, "Seal") {
			points++
			require.Equal(t, 1, seen[name], name)
		}
		return true
	})
	require.Len(t, All(), points)
	for _, p := range All() {
		require.NotEmpty(t, p.Name())
	}
}

// storesAreApart walks a body in source order.
func storesAreApart(t *testing.T, where string, body *ast.BlockStmt) {
	last := token.NoPos
	ast.Inspect(body, func(n ast.Node) bool {
		if _, ok := hit(n); ok {
			last = token.NoPos
			return false
		}
		if name, ok := store(n); ok {
			require.Equal(t, token.NoPos, last, "%s: no failpoint before the store to %s", where, name)
			last = n.Pos()
			return false
		}
		return true
	})
}

// hit returns the point that a call of failpoint.Hit passes.
func hit(n ast.Node) (string, bool) {
	call, ok := n.(*ast.CallExpr)
	if !ok || dotted(call.Fun) != "failpoint.Hit" {
		return "", false
	}
	return strings.TrimPrefix(dotted(call.Args[0]), "failpoint."), true
}

// store returns what a statement (an assignment, Store, Add or copy) writes to,
// and reports whether that is shared.
func store(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok == token.DEFINE {
			return "", false
		}
		return target(n.Lhs[0])
	case *ast.CallExpr:
		name := dotted(n.Fun)
		if name == "copy" {
			return target(n.Args[0])
		}
		if recv, ok := strings.CutSuffix(name, ".Store"); ok {
			return name, owned(recv)
		}
		if recv, ok := strings.CutSuffix(name, ".Add"); ok {
			return name, owned(recv)
		}
	}
	return "", false
}

func target(e ast.Expr) (string, bool) {
	name := dotted(e)
	return name, strings.ContainsAny(name, ".[") && owned(name) || shared[name]
}

func owned(name string) bool {
	for root := range shared {
		if name == root || strings.HasPrefix(name, root+".") || strings.HasPrefix(name, root+"[") {
			return true
		}
	}
	return false
}

// dotted returns an expression as its names: a.b.c, a[].
func dotted(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return dotted(e.X) + "." + e.Sel.Name
	case *ast.IndexExpr:
		return dotted(e.X) + "[]"
	case *ast.SliceExpr:
		return dotted(e.X)
	}
	return ""
}
