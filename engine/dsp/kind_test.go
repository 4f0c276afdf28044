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
			require.False(t, names[k.Name], "name twice")
			names[k.Name] = true
			got, ok := KindByName(k.Name)
			require.True(t, ok)
			require.Equal(t, id, got)

			require.NotEmpty(t, k.Doc)
			require.NotEmpty(t, k.Params, "every module owns a word: the limit on words limits the modules")
			require.LessOrEqual(t, k.MinInputs, k.MaxInputs)
			params := map[string]bool{"id": true, "kind": true, "in": true} // taken by the patch file
			for i, q := range k.Params {
				require.False(t, params[q.Name], q.Name)
				params[q.Name] = true
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

func TestWireIDsNeverChange(t *testing.T) {
	var names []string
	for _, k := range Kinds() {
		names = append(names, k.Name)
	}
	require.Equal(t, []string{"sine", "const", "gain", "mix", "noise", "adsr", "filter"}, names)
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

// A fused multiply-add rounds once where two instructions round twice, so a tape would not replay on another processor. The
// compiler may fuse wherever no conversion forbids it, on arm64 always.
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
