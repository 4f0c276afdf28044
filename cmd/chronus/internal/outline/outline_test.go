package outline_test

import (
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"chronus/cmd/chronus/internal/outline"
)

// toy is a command line with one of everything, and with text that a careless
// generator would let a shell or roff interpret.
type toy struct {
	Play struct {
		Song   string   `arg:"" help:"What to play." placeholder:"FILE"`
		More   []string `arg:"" optional:"" help:"Options." complete:"loud,soft"`
		Kind   string   `help:"It's $HOME, [one] of: these.\n.Sh NOT A SECTION" enum:"wav,ogg" default:"wav"`
		To     string   `help:"Where to." placeholder:"OUT" default:"air" complete:"air,file:"`
		In     string   "help:\"Back\\\\slash and `date`.\" placeholder:\"DIR\""
		Times  int      `help:"How often." short:"n" env:"TOY_TIMES" default:"3"`
		Quiet  bool     `help:"Be quiet."`
		Secret bool     `hidden:"" help:"Not for users."`
	} `cmd:"" help:"Play a song. Or two."`
	Hum    struct{} `cmd:"" help:"Hum."`
	Cellar struct{} `cmd:"" hidden:"" help:"Where the bodies are."`
}

func parse(t *testing.T, grammar any) *kong.Kong {
	t.Helper()
	parser, err := kong.New(grammar, kong.Name("toy"), kong.Description("A toy."), kong.Writers(io.Discard, io.Discard))
	require.NoError(t, err)
	return parser
}

func toyOutline(t *testing.T) *outline.App {
	t.Helper()
	app, err := outline.Of(parse(t, new(toy)).Model)
	require.NoError(t, err)
	return app
}

func TestOutlineHasWhatIsDeclaredAndVisible(t *testing.T) {
	app := toyOutline(t)
	require.Len(t, app.Commands, 2)
	play := app.Commands[0]
	require.Equal(t, "play <song> [<more> ...] [flags]", play.Usage)
	require.Equal(t, "hum", app.Commands[1].Usage)
	require.Equal(t, outline.Offer{Paths: "file"}, play.Args[0].Offer)
	require.Equal(t, outline.Offer{Words: []string{"loud", "soft"}}, play.Args[1].Offer)
	require.True(t, play.Args[1].Rest)
	flags := map[string]outline.Flag{}
	for _, f := range play.Flags {
		flags[f.Name] = f
	}
	require.Len(t, flags, 6)
	require.Equal(t, []string{"wav", "ogg"}, flags["kind"].Words)
	require.Empty(t, flags["kind"].Default, "the help shows it: --kind=wav")
	require.Equal(t, outline.Offer{Words: []string{"air", "file:"}}, flags["to"].Offer)
	require.Equal(t, "air", flags["to"].Default)
	require.Equal(t, "dir", flags["in"].Paths)
	require.Equal(t, "n", flags["times"].Short)
	require.Equal(t, "TOY_TIMES", flags["times"].Env)
	require.Empty(t, flags["quiet"].Meta)
	require.True(t, flags["help"].Common)
}

func TestCommandBelowACommandIsRefused(t *testing.T) {
	var nested struct {
		A struct {
			B struct{} `cmd:""`
		} `cmd:""`
	}
	_, err := outline.Of(parse(t, &nested).Model)
	require.EqualError(t, err, "outline: toy a b: a command below a command")
}

func script(t *testing.T, shell string) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, toyOutline(t).Completion(&b, shell))
	return b.String()
}

func TestUnknownShellIsRefused(t *testing.T) {
	require.EqualError(t, toyOutline(t).Completion(io.Discard, "csh"), "outline: no completions for csh")
}

// interpreter returns a shell's path, or skips the test.
func interpreter(t *testing.T, shell string) string {
	t.Helper()
	path, err := exec.LookPath(shell)
	if err != nil {
		t.Skip("no " + shell + " here")
	}
	return path
}

func TestEveryShellParsesItsScript(t *testing.T) {
	for _, shell := range outline.Shells() {
		t.Run(shell, func(t *testing.T) {
			cmd := exec.Command(interpreter(t, shell), "-n")
			cmd.Stdin = strings.NewReader(script(t, shell))
			said, err := cmd.CombinedOutput()
			require.NoError(t, err, string(said))
			require.Empty(t, string(said))
		})
	}
}

// TestBashCompletes calls the function as readline would, which splits words at
// = and :, and replaces the part after the last of them.
func TestBashCompletes(t *testing.T) {
	bash := interpreter(t, "bash")
	for _, c := range []struct {
		words string // after toy, as readline splits them; _ is an empty word
		want  string
	}{
		{"_", "play hum"},
		{"p", "play"},
		{"--", "--help"},
		{"play -", "--kind --to --in -n --times --quiet -h --help"},
		{"play --k", "--kind"},
		{"play --secret", ""},
		{"play --kind _", "wav ogg"},
		{"play --kind o", "ogg"},
		{"play --kind = o", "ogg"},
		{"play --kind =", "wav ogg"},
		{"play --kind=o", "--kind=ogg"}, // with = not in COMP_WORDBREAKS
		{"play --times _", ""},
		{"play --times 3 s", "song.ogg songs"},
		{"play --quiet s", "song.ogg songs"},
		{"play s", "song.ogg songs"},
		{"play song.ogg _", "loud soft"},
		{"play song.ogg loud s", "soft"},
		{"play --in s", "songs"},
		{"play --in = s", "songs"},
		{"play --to _", "air file:"},
		{"play --to file : s", "song.ogg songs"},
		{"play --to = file : songs/", "songs/a.ogg"},
		{"play --to=file:s", "--to=file:song.ogg --to=file:songs"},
		{"hum _", ""},
		{"cel", ""},
	} {
		t.Run(c.words, func(t *testing.T) {
			dir := t.TempDir()
			for _, path := range []string{"song.ogg", "songs/a.ogg"} {
				require.NoError(t, exec.Command("mkdir", "-p", filepath.Join(dir, filepath.Dir(path))).Run())
				require.NoError(t, exec.Command("touch", filepath.Join(dir, path)).Run())
			}
			words := strings.Fields(c.words)
			if words[len(words)-1] == "_" {
				words[len(words)-1] = ""
			}
			cmd := exec.Command(bash, append([]string{
				"--norc", "-c", script(t, "bash") + `
					COMP_WORDS=(toy "$@") COMP_CWORD=$#
					_toy
					echo "${COMPREPLY[*]}"`, "bash",
			}, words...)...)
			cmd.Dir = dir
			said, err := cmd.CombinedOutput()
			require.NoError(t, err, string(said))
			got := strings.Fields(string(said))
			require.ElementsMatch(t, strings.Fields(c.want), got)
		})
	}
}

// TestFishCompletes asks fish for what it would show.
func TestFishCompletes(t *testing.T) {
	fish := interpreter(t, "fish")
	for line, want := range map[string]string{
		"toy ":                 "hum play",
		"toy play --k":         "--kind",
		"toy play --sec":       "",
		"toy play --kind o":    "ogg",
		"toy play --to ":       "air file:",
		"toy play --to file:s": "file:song.ogg",
		"toy play s":           "soft song.ogg",
	} {
		t.Run(line, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, exec.Command("touch", filepath.Join(dir, "song.ogg")).Run())
			cmd := exec.Command(fish, "--no-config", "-c", script(t, "fish")+fmt.Sprintf("\ncomplete -C %q", line))
			cmd.Dir, cmd.Env = dir, []string{"HOME=" + dir, "PATH=/bin:/usr/bin"}
			said, err := cmd.CombinedOutput()
			require.NoError(t, err, string(said))
			var got []string
			for l := range strings.Lines(string(said)) {
				word, _, _ := strings.Cut(strings.TrimSuffix(l, "\n"), "\t")
				got = append(got, word)
			}
			require.ElementsMatch(t, strings.Fields(want), got)
		})
	}
}

func page(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, outline.Page{
		App: toyOutline(t), Version: "v1", Date: time.Date(2026, time.March, 4, 0, 0, 0, 0, time.UTC),
		Description: "It plays.\n\n.Not a macro. 'Nor this.",
		Environment: []outline.Item{{"HOME", "Home."}},
		Files:       []outline.Item{{"~/--x", "A file."}},
		Exits:       []outline.Item{{"0", "Good."}},
		Examples:    []outline.Item{{`toy play --kind=ogg 'a\b'`, "Play:"}},
	}.Write(&b))
	return b.String()
}

func TestPageIsOfADateAndSaysWhatTextSays(t *testing.T) {
	text := page(t)
	require.Contains(t, text, "\n.Dd March 4, 2026\n")
	require.Contains(t, text, "\n.Ss toy play\nPlay a song.\nOr two.\n", "a sentence begins a line")
	require.Contains(t, text, "\n.It Fl n , Fl -times Ns = Ns Ar 3 Pq Ev TOY_TIMES\n")
	require.Contains(t, text, "\n.Nm\n.Cm play\n.Ar song\n.Op Ar more ...\n.Op Ar flag ...\n")
	require.Contains(t, text, `Back\eslash`)
	require.NotContains(t, text, "\n.Sh NOT")
	require.NotContains(t, text, "\n.Not")
	require.NotContains(t, text, "\n'Nor")
	require.NotContains(t, text, "\n\n")
	require.NotContains(t, text, "secret")
	require.NotContains(t, text, "cellar")
}

// TestPageIsClean asks mandoc and groff, where they are installed, to complain.
func TestPageIsClean(t *testing.T) {
	for _, check := range [][]string{{"mandoc", "-T", "lint", "-W", "style"}, {"groff", "-ww", "-mdoc", "-Tutf8", "-z"}} {
		t.Run(check[0], func(t *testing.T) {
			cmd := exec.Command(interpreter(t, check[0]), check[1:]...)
			cmd.Stdin = strings.NewReader(page(t))
			said, err := cmd.CombinedOutput()
			require.NoError(t, err, string(said))
			require.Empty(t, string(said))
		})
	}
}
