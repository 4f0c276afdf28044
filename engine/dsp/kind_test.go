package dsp

import (
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKindsAreWellFormed(t *testing.T) {
	names := map[string]bool{}
	for id, k := range Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			require.False(t, names[k.Name], "two kinds have this name")
			names[k.Name] = true
			got, ok := KindByName(k.Name)
			require.True(t, ok)
			require.Equal(t, id, got)

			requireDoc(t, k.Doc)
			require.NotEmpty(t, k.Params, "every module must own a word, so that the limit on words limits the modules")
			require.LessOrEqual(t, k.MinInputs, k.MaxInputs)
			params := map[string]bool{"id": true, "kind": true, "in": true} // keys of every module
			for i, q := range k.Params {
				require.False(t, params[q.Name], q.Name)
				params[q.Name] = true
				requireDoc(t, q.Doc)
				require.True(t, q.Holds(q.Default), q.Name)
				j, ok := k.ParamIndex(q.Name)
				require.True(t, ok)
				require.Equal(t, i, j)
			}
		})
	}
	_, ok := KindByName("theremin")
	require.False(t, ok)
	_, ok = kinds[0].ParamIndex("wobble")
	require.False(t, ok)
}

// requireDoc requires text that fits into a cell of the README's table.
func requireDoc(t *testing.T, doc string) {
	t.Helper()
	require.NotEmpty(t, doc)
	require.NotContains(t, doc, "|")
	require.NotContains(t, doc, "\n")
}

// The kinds that have been released keep their ids; new ones come after them.
func TestWireIDsNeverChange(t *testing.T) {
	for id, name := range []string{"sine", "const", "gain", "mix", "noise", "adsr", "filter"} {
		require.Equal(t, name, Kinds()[id].Name)
	}
}

func TestImportsStayLean(t *testing.T) {
	lean := []string{"encoding/binary", "errors", "math", "math/bits", "strconv"}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range f.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			require.Contains(t, lean, path, file)
		}
	}
}

// A fused multiply-add rounds once where two instructions round twice, so a
// tape would not replay on another CPU. The compiler may fuse wherever no
// conversion forbids it, and on arm64 it always does.
func TestNoMultiplyAddIsFused(t *testing.T) {
	for _, target := range []string{"GOARCH=arm64", "GOAMD64=v3"} {
		t.Run(target, func(t *testing.T) {
			cmd := exec.Command("go", "build", "-gcflags=-S", ".")
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", target)
			asm, err := cmd.CombinedOutput()
			require.NoError(t, err, string(asm))
			require.Contains(t, string(asm), "stepSine")
			for line := range strings.Lines(string(asm)) {
				require.NotRegexp(t, `\tV?FN?M(ADD|SUB)`, line)
			}
		})
	}
}
