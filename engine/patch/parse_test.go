package patch

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/engine/dsp"
)

// voice is a valid patch with a bit of everything.
const voice = `# comment
out = "mix1"
[[module]]
id = "mix1"
kind = "mix"
in = ["gain1", "noise1",
      "gain1"]
[[module]]
id = "gain1"
kind = "gain"
gain = 2
in = "sine1"
[[module]]
id = "noise1"
kind = "noise"
[[module]]
id = "sine1"
kind = "sine"
freq = 220.5
[[module]]
id = "unheard"
kind = "const"
`

func compile(t testing.TB, text string) *Compiled {
	t.Helper()
	p, err := Parse("test.toml", []byte(text))
	require.NoError(t, err)
	c, err := p.Compile(44100, 64)
	require.NoError(t, err)
	return c
}

// knownKinds lists the kinds as an error does: sorted.
func knownKinds() string {
	var names []string
	for _, k := range dsp.Kinds() {
		names = append(names, k.Name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func TestParseErrorsNameTheLineAndTheProblem(t *testing.T) {
	const head = "out = \"a\"\n"
	mod := func(lines ...string) string { return "[[module]]\n" + strings.Join(lines, "\n") + "\n" }
	a := mod(`id = "a"`, `kind = "sine"`)                   // lines 2 to 4, after head
	f := mod(`id = "f"`, `kind = "filter"`, `in = "f"`, ``) // lines 2 to 6, after head
	tests := []struct{ name, text, want string }{
		{"syntax", head + "[[module]\n", `2: expected end of table array name delimiter ']', but got '\n' instead`},
		{"key twice", head + head + a, `2: Key 'out' has already been defined.`},
		{"key twice in a module", head + a + `kind = "mix"`, `5: Key 'module.kind' has already been defined.`},
		{"control character", head + "x = \"\x01\"", `2: TOML files cannot contain control characters: '0x01'`},
		{"value missing at the end of a line", head + "x =\n" + a, `2: expected value but found '\n' instead`},
		{"string not closed", "\uFEFF" + head + "x = '''\n\n", `3: unexpected EOF; expected "'''"`},
		{"not UTF-8", head + "# \xff", `2: invalid UTF-8 byte: 0xff`},

		{"empty", "", `1: there is no [[module]]`},
		{"no module", head, `1: there is no [[module]]`},
		{"module is a number", head + "module = 3\n", `2: module must be a list of tables, written [[module]]`},
		{"module is a table", head + "[module]\nid = \"a\"\n", `2: module must be a list of tables, written [[module]]`},
		{"module is a list of numbers", head + "\nmodule = [\n1]\n", `3: module must be a list of tables, written [[module]]`},
		{"unknown key at the top", head + "colour = 1\n" + a, `2: unknown key "colour" (known: limit, module, out)`},
		{"unknown table", head + a + "[extra]\nx = 1\n", `5: unknown key "extra" (known: limit, module, out)`},
		{"keys are case sensitive", "OUT = \"a\"\n" + a, `1: unknown key "OUT" (known: limit, module, out)`},

		{"no out", a, `1: out is missing; it names the module that is heard, as in out = "a"`},
		{"out not a string", "# where\n\nout = 7\n" + a, `3: out must be a string, not an integer`},
		{"out unknown", "out = \"b\"\n" + a, `1: out names a module "b", which does not exist`},

		{"limit not a number", head + `limit = "1"` + "\n" + a, `2: limit must be a number, not a string`},
		{"limit below zero", head + "limit = -0.5\n" + a, `2: limit = -0.5 is not in 0..1000`},
		{"limit too high", head + "limit = 1001\n" + a, `2: limit = 1001 is not in 0..1000`},
		{"limit NaN", head + "limit = nan\n" + a, `2: limit = NaN is not in 0..1000`},

		{"no id", head + a + mod(`kind = "sine"`), `5: module number 2 has no id`},
		{"id not a string", head + mod(`kind = "sine"`, `id = 1`), `4: module number 1: id must be a string, not an integer`},
		{"id empty", head + mod(`id = ""`), `3: module "": an id may contain only letters, digits, _ and -`},
		{"id with a slash", head + mod(`id = "a/b"`), `3: module "a/b": an id may contain only letters, digits, _ and -`},
		{"id with a newline", head + mod(`id = "a\n"`), `3: module "a\n": an id may contain only letters, digits, _ and -`},
		{"id twice", head + a + a, `6: module "a": line 3 already has a module with this id`},

		{"no kind", head + mod(`id = "a"`), `2: module "a" has no kind (known: ` + knownKinds() + `)`},
		{"kind not a string", head + mod(`id = "a"`, `kind = ["sine"]`), `4: module "a": kind must be a string, not an array`},
		{"unknown kind", head + mod(`id = "a"`, ``, `kind = "foo"`), `5: module "a": unknown kind "foo" (known: ` + knownKinds() + `)`},

		{"unknown parameter", head + a + "\nfrequ = 1", `6: module "a": unknown key "frequ" (known: id, kind, freq, amp)`},
		{"unknown parameter with input", head + mod(`id = "a"`, `kind = "gain"`, `x = 1`), `5: module "a": unknown key "x" (known: id, kind, in, gain, gate)`},
		{"parameter a string", head + a + `freq = "440"`, `5: module "a": freq must be a number, not a string`},
		{"parameter a boolean", head + a + `freq = true`, `5: module "a": freq must be a number, not a boolean`},
		{"parameter a date", head + a + `freq = 2025-01-01`, `5: module "a": freq must be a number, not a date or time`},
		{"parameter a table", head + a + "[module.freq]\nx = 1", `5: module "a": freq must be a number, not a table`},
		{"parameter NaN", head + a + `freq = nan`, `5: module "a": freq = NaN is not in 0..20000`},
		{"parameter infinite", head + a + `amp = -inf`, `5: module "a": amp = -Inf is not in -1000..1000`},
		{"parameter too large", head + a + `freq = 20001`, `5: module "a": freq = 20001 is not in 0..20000`},
		{"parameter too small", head + a + `freq = -0.5`, `5: module "a": freq = -0.5 is not in 0..20000`},

		{"mode unknown", head + f + `mode = "notch"`, `7: module "f": unknown mode "notch" (known: lowpass, highpass, bandpass)`},
		{"mode a number", head + f + `mode = 1`, `7: module "f": mode must be a string, not an integer`},

		{"input missing", head + mod(`id = "a"`, `kind = "gain"`), `2: module "a": gain takes one input, not 0`},
		{"input too many", head + a + mod(`id = "g"`, `kind = "gain"`, `in = ["a", "a"]`), `8: module "g": gain takes one input, not 2`},
		{"input to a source", head + a + `in = "a"`, `5: module "a": sine takes no input, not 1`},
		{"list of inputs empty", head + mod(`id = "a"`, `kind = "mix"`, `in = []`), `2: module "a": mix takes 1 to 4096 inputs, not 0`},
		{"input a number", head + mod(`id = "a"`, `kind = "mix"`, `in = 1`), `5: module "a": in must be a string or a list of strings`},
		{"inputs numbers", head + mod(`id = "a"`, `kind = "mix"`, `in = [1, 2]`), `5: module "a": in must be a string or a list of strings`},
		{"input unknown", head + mod(`id = "a"`, `kind = "gain"`, `in = "b"`), `5: module "a": in names a module "b", which does not exist`},

		{"cycle of one", head + mod(`id = "a"`, `kind = "gain"`, `in = "a"`), `5: module "a" is part of a cycle: a -> a`},
		{
			"cycle of three, heard", head + mod(`id = "c"`, `kind = "gain"`, `in = "b"`) + mod(`id = "a"`, `kind = "gain"`, `in = "c"`) + mod(`id = "b"`, `kind = "gain"`, `in = "a"`),
			`5: module "c" is part of a cycle: c -> a -> b -> c`,
		},
		{
			"cycle that is not heard", head + a + mod(`id = "x"`, `kind = "mix"`, `in = ["a", "y"]`) + mod(`id = "y"`, `kind = "gain"`, `in = "x"`),
			`8: module "x" is part of a cycle: x -> y -> x`,
		},

		{"text too large", strings.Repeat("#", maxText+1), `1: the patch is larger than 8388608 bytes`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Parse("dir/my.toml", []byte(tt.text))
			require.Nil(t, p)
			require.EqualError(t, err, "patch: dir/my.toml:"+tt.want)
		})
	}
}

func TestTheModuleThatFillsTheArenaIsNamed(t *testing.T) {
	const text = "out = 'a'\n[[module]]\nid = 'a'\nkind = 'sine'\n\n[[module]]\nid = 'b'\nkind = 'sine'\n"
	a, b := map[string]any{"id": "a", "kind": "sine"}, map[string]any{"id": "b", "kind": "sine"}
	d := draft{src: source{name: "x", text: text}, index: map[string]int{}, words: dsp.MaxModuleWords - 6}
	require.NoError(t, d.add(0, a))
	require.EqualError(t, d.add(1, b), `patch: x:6: module "b": up to here the patch needs more than 1017 KiB of state`)
}

// Text that looks like a module, or hides one, must not shift line numbers.
func TestLinesAreRightInAwkwardText(t *testing.T) {
	tests := []struct {
		name, text string
		line       int
	}{
		{"header in a comment", "# [[module]]\nout = \"a\"\n[[module]]\nid = \"a\"\nkind = \"oops\"\n", 5},
		{"header in a multi-line string", "out = \"\"\"\n[[module]]\nkind = 'oops'\n\"\"\"\n[[module]]\nid = \"a\"\nkind = \"oops\"\n", 7},
		{"header in a literal string", "out = '''\n[[module]]\n'''\n[[module]] # '''\nid = 'a'\nkind = 'oops'", 6},
		{"spaces in the header", "out = 'a'\n  [[ module ]]\n\tid = 'a'\n\tkind = 'oops'\n", 4},
		{"quoted header", "out = 'a'\n[[ \"module\" ]]\n'id' = 'a'\n\"kind\" = 'oops'\n", 4},
		{"carriage returns", "out = 'a'\r\n[[module]]\r\nid = 'a'\r\nkind = 'oops'\r\n", 4},
		{"byte order mark", "\uFEFFout = 'a'\n[[module]]\nid = 'a'\nkind = 'oops'\n", 4},
		{"inline tables", "out = 'a'\nmodule = [{id = 'a', kind = 'oops'}]\n", 2},
		{"inline tables over lines", "out = 'a'\nmodule = [\n {id = 'b', kind = 'sine'},\n {id = 'a', kind = 'oops'},\n]\n", 2},
		{"value over lines", "out = 'a'\n[[module]]\nid = 'a'\nin = [\n'x', # ]\n'y'\n]\n\nkind = \"\"\"\noops\"\"\"\n\n", 9},
		{"no newline at the end", "out = 'a'\n[[module]]\nid = 'a'\nkind = 'oops'", 4},
		{"a long list", "out = 'a'\n[[module]]\nid = 'a'\nin = [\n" + strings.Repeat("'b',\n", 450) + "]\nkind = 'oops'\n", 456},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("x", []byte(tt.text))
			require.EqualError(t, err,
				fmt.Sprintf(`patch: x:%d: module "a": unknown kind "oops" (known: %s)`, tt.line, knownKinds()))
		})
	}
}

func TestParseReadsEveryForm(t *testing.T) {
	c := compile(t, voice)
	require.Equal(t, []string{
		"sine1.freq=220.5", "sine1.amp=0.5", "gain1.gain=2", "gain1.gate=1",
		"noise1.amp=0.5", "noise1.seed=?", "mix1.gain=1", "unheard.value=0",
	}, listing(c))

	inline := `out = "g"
		module = [ {id = "g", kind = "gain", in = "s", gate = 0}, {id = "s", kind = "const", value = -3} ]`
	require.Equal(t, []string{"s.value=-3", "g.gain=1", "g.gate=0"}, listing(compile(t, inline)))
}

func TestNamedValuesAndTheLimit(t *testing.T) {
	const text = "limit = 0.5\nout = 'f'\n[[module]]\nid = 's'\nkind = 'sine'\n" +
		"[[module]]\nid = 'f'\nkind = 'filter'\nin = 's'\n"
	c := compile(t, text+"mode = 'bandpass'")
	require.Contains(t, listing(c), "f.mode=2")
	require.Equal(t, 0.5, c.Program.Limit)
	for _, q := range c.Params() {
		if q.Param == "mode" {
			require.Equal(t, 2.0, q.Max)
		}
	}
	require.Contains(t, listing(compile(t, text)), "f.mode=0")
	require.Equal(t, 1.0, compile(t, voice).Program.Limit)
}

// listing returns the initial values of the parameters as module.param=value,
// with ? for a seed.
func listing(c *Compiled) []string {
	var s []string
	for _, q := range c.Params() {
		v := fmt.Sprint(q.Value)
		if q.Param == "seed" {
			v = "?"
		}
		s = append(s, fmt.Sprintf("%s.%s=%s", q.Module, q.Param, v))
	}
	return s
}

func TestTheOrderOfModulesDoesNotMatter(t *testing.T) {
	parts := strings.Split(voice, "[[module]]\n")
	want := compile(t, voice)
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		modules := append([]string(nil), parts[1:]...)
		r.Shuffle(len(modules), func(i, j int) { modules[i], modules[j] = modules[j], modules[i] })
		got := compile(t, parts[0]+"[[module]]\n"+strings.Join(modules, "[[module]]\n"))
		require.Equal(t, want.Program.Encode(), got.Program.Encode())
		require.Equal(t, want.Params(), got.Params())
		require.Equal(t, want.Epoch(), got.Epoch())
	}
}

func TestALongChainIsOrdered(t *testing.T) {
	const n = 20000
	var b strings.Builder
	b.WriteString("out = 'm0'\n")
	for i := range n {
		fmt.Fprintf(&b, "[[module]]\nid = 'm%d'\nkind = 'gain'\nin = 'm%d'\n", i, i+1)
	}
	fmt.Fprintf(&b, "[[module]]\nid = 'm%d'\nkind = 'const'\nvalue = 0.25\n", n)
	c := compile(t, b.String())
	out := make([]float32, 64)
	c.Program.Render(c.Program.Initial, out)
	require.Equal(t, float32(0.25), out[63])
}

func TestEachNoiseWithoutASeedGetsItsOwn(t *testing.T) {
	seeds := func(text string) (s []float64) {
		for _, q := range compile(t, text).Params() {
			if q.Param == "seed" {
				s = append(s, q.Value)
			}
		}
		return s
	}
	const two = "out = 'm'\n[[module]]\nid = 'm'\nkind = 'mix'\nin = ['n1', 'n2']\n" +
		"[[module]]\nid = 'n1'\nkind = 'noise'\n[[module]]\nid = 'n2'\nkind = 'noise'\n"
	first := seeds(two)
	require.NotEqual(t, first[0], first[1])
	require.Equal(t, first, seeds(two), "the seed depends on the id alone")
	require.Equal(t, []float64{first[0], 5}, seeds(two+"seed = 5"))
}

func FuzzParse(f *testing.F) {
	f.Add(voice)
	for _, name := range append(slices.Clone(inFiles), "heavy:3") {
		_, text, err := builtin(name)
		require.NoError(f, err)
		f.Add(string(text))
	}
	f.Add("out = 'a'\n[[module]]\nid = 'a'\nkind = 'gain'\nin = ['a']\ngain = nan\n")
	f.Add("out = 'a'\nmodule = [{id = 'a', kind = 'const', value = 1e3}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse("f.toml", []byte(text))
		if err != nil {
			require.Nil(t, p)
			require.Regexp(t, `\Apatch: f\.toml:[1-9][0-9]*: [^\n]+\z`, err.Error())
			return
		}
		c, err := p.Compile(44100, 16)
		require.NoError(t, err)
		_, err = dsp.Decode(c.Program.Encode())
		require.NoError(t, err)
		for _, q := range c.Params() {
			addr, err := c.Address(q.Module, q.Param)
			require.NoError(t, err)
			require.Equal(t, q.Address, addr)
		}
		again, err := Parse(p.Name(), p.Text())
		require.NoError(t, err)
		require.Equal(t, p, again)
	})
}
