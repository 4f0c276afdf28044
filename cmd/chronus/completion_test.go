//go:build linux

package main

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/cmd/chronus/internal/outline"
	"chronus/engine/patch"
)

// TestPageAndCompletionsHaveEveryCommandAndFlag walks the declaration itself,
// not the outline that they are written from.
func TestPageAndCompletionsHaveEveryCommandAndFlag(t *testing.T) {
	parser := quietParser(t)
	for what, form := range map[string]struct{ command, flag string }{
		"completion bash": {`(?m)^        %s\) words=\(`, `(?m)^        %s\) words=\(.*--%s `},
		"completion zsh":  {`(?m)^    %s\)\n`, `(?m)^    %s\)\n( {6}.*\n)*? {8}'?--%s(=|\[)`},
		"completion fish": {`(?m)^complete .* -a %s -d `, `(?m)^complete .*_in %s' -l %s `},
		"man":             {`(?m)^\.Ss chronus %s$`, `(?ms)^\.Ss chronus %s$[^\000]*?^\.It Fl -%s\b`},
	} {
		t.Run(what, func(t *testing.T) {
			code, out, errOut := call(strings.Fields(what)...)
			require.Equal(t, exitPass, code, errOut)
			require.Empty(t, errOut)
			fill := func(format string, names ...string) string {
				for _, n := range names {
					format = strings.Replace(format, "%s", regexp.QuoteMeta(n), 1)
				}
				return format
			}
			commands, flags, hidden := 0, 0, 0
			for _, node := range parser.Model.Leaves(false) {
				require.Regexp(t, fill(form.command, node.Name), out)
				commands++
				for _, f := range node.Flags {
					if f.Hidden {
						require.NotContains(t, out, f.Name)
						hidden++
						continue
					}
					require.Regexp(t, fill(form.flag, node.Name, f.Name), out)
					flags++
				}
			}
			require.Greater(t, commands, 10)
			require.Greater(t, flags, 30)
			require.Equal(t, 1, hidden, "verify --floor")
			require.Contains(t, out, "version")
		})
	}
}

func TestPatchesThatAreBuiltInAreProposed(t *testing.T) {
	parser := quietParser(t)
	app, err := outline.Of(parser.Model)
	require.NoError(t, err)
	for _, f := range app.Commands[0].Flags {
		if f.Name == "patch" {
			require.Equal(t, outline.Offer{Words: patch.Builtin(), Paths: "file"}, f.Offer)
			return
		}
	}
	t.Fatal("no flag --patch")
}

// TestPageOfTheCommandIsClean checks that mandoc has no complaint about the
// page that the declaration makes.
func TestPageOfTheCommandIsClean(t *testing.T) {
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		t.Skip("no mandoc here")
	}
	_, out, _ := call("man")
	cmd := exec.Command(mandoc, "-T", "lint", "-W", "style")
	cmd.Stdin = strings.NewReader(out)
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, string(said))
	require.Empty(t, string(said))
	require.Contains(t, out, ".Sh EXIT STATUS\n.Bl -tag -width Ds\n.It 0\n")
}
