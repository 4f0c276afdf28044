package scenario

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chronus/harness/expect"
	"chronus/harness/fault"
	"chronus/scenarios"
)

func all(t testing.TB) []*Scenario {
	t.Helper()
	s, err := All()
	require.NoError(t, err)
	return s
}

func TestEveryFileLoads(t *testing.T) {
	loaded := all(t)
	onDisk, err := os.ReadDir("../../scenarios")
	require.NoError(t, err)
	n := 0
	for _, e := range onDisk {
		if strings.HasSuffix(e.Name(), ".toml") {
			n++
		}
	}
	require.Len(t, loaded, n)
}

// A first result after a few seconds shows that everything is in place.
func TestTheScenariosRunInTheirOrderAShortOneFirst(t *testing.T) {
	loaded := all(t)
	for i, s := range loaded[1:] {
		require.LessOrEqual(t, loaded[i].Order, s.Order, "%s and %s", loaded[i].Name, s.Name)
	}
	for name, load := range loaded[0].Profile {
		require.LessOrEqual(t, load.Cycles, 10, "%s, %s", loaded[0].Name, name)
		require.Zero(t, load.Pause)
	}
}

// At least one scenario injects each kind of fault: a kind that none injects is
// dead code, or its scenario was lost.
func TestEveryKindOfFaultIsInjected(t *testing.T) {
	injected := map[string]bool{}
	for _, s := range all(t) {
		injected[s.Fault.Kind] = true
	}
	for _, kind := range fault.Kinds() {
		require.True(t, injected[kind], kind)
	}
}

// benchstat needs six lines for an interval. Where one engine has to play for a
// long time, they come from as many verifications.
func TestEveryProfileHasSixEngineProcesses(t *testing.T) {
	for _, s := range all(t) {
		for name, load := range s.Profile {
			if load.Pause == 0 {
				require.GreaterOrEqual(t, load.Processes, 6, "%s, %s", s.Name, name)
			}
		}
	}
}

func TestTheSoakIsTenThousandFaultsOfKnownScenariosWithinItsTime(t *testing.T) {
	soak := In(all(t), "soak")
	require.Len(t, soak, 1)
	s := soak[0]
	require.Equal(t, 10_000, s.Profile["soak"].Processes*s.Profile["soak"].Cycles)
	require.Equal(t, 20.0, s.Profile["soak"].Minutes)
	var targets []string
	for _, part := range s.Parts() {
		targets = append(targets, part.Fault.Target)
	}
	require.Equal(t, []string{"primary", "standby", "both", "spare"}, targets)
	require.NotContains(t, In(all(t), "quick"), s)
	for _, s := range In(all(t), "full") {
		require.Equal(t, s.Profile["full"].Limit, s.Judge.Limit)
	}
}

func TestMixFindsItsParts(t *testing.T) {
	one, err := Parse("one.toml", []byte(valid))
	require.NoError(t, err)
	other := func(change func(*Scenario)) *Scenario {
		s := *one
		s.Name = "other"
		change(&s)
		return &s
	}
	for want, part := range map[string]*Scenario{
		"":                    other(func(*Scenario) {}),
		`"other" cannot be`:   other(func(s *Scenario) { s.Fault.Kind = "crash" }),
		`"other" has another`: other(func(s *Scenario) { s.Engine.Spares = 5 }),
		`no scenario "other"`: other(func(s *Scenario) { s.Name = "gone" }),
	} {
		mixed := &Scenario{Name: "mixed", Mix: []string{"my", "other"}, Engine: one.Engine}
		one.Name = "my"
		err := mix([]*Scenario{one, part, mixed})
		if want == "" {
			require.NoError(t, err)
			require.Equal(t, []*Scenario{one, part}, mixed.Parts())
			require.Equal(t, []*Scenario{one}, one.Parts())
			continue
		}
		require.ErrorContains(t, err, want)
	}
}

// Every death of a worker must be answered by one new worker, whatever the
// scenario.
func TestWhatDiesIsReplaced(t *testing.T) {
	for _, s := range all(t) {
		require.Equal(t, s.Expect["worker_down"], s.Expect["worker_exited"], s.Name)
		require.Equal(t, s.Expect["worker_down"], s.Expect["worker_spawned"], s.Name)
		require.Equal(t, s.Expect["worker_down"], s.Expect["worker_ready"], s.Name)
		require.Equal(t, s.Judge.MustLose, s.Expect["frames_lost"].Min > 0, s.Name)
	}
}

func TestSelect(t *testing.T) {
	names := func(expr string) (n []string) {
		for _, s := range Select(all(t), regexp.MustCompile(expr)) {
			n = append(n, s.Name)
		}
		return n
	}
	for _, name := range names("^term-") {
		require.Regexp(t, "^term-", name)
	}
	require.Equal(t, []string{"term-primary"}, names("^term-primary$"))
	require.Empty(t, names("^x$"))
	require.Len(t, names(""), len(all(t)))
}

const valid = `order = 1
why = "to test"
patch = "heavy"
commands = true
sink = "wav"

[engine]
replicas = 2
spares = 1

[fault]
kind = "kill"
target = "primary"

[profile.quick]
processes = 6
cycles = 34
[profile.full]
processes = 6
cycles = 34
[profile.soak]
processes = 6
cycles = 34

[expect]
worker_down = 1
switched = "1..2"
worker_spawned = ">=1"

[cause]
worker_down = "killed"

[judge]
min_rendering = 3

[judge.allow]
lost-frames = 256

[judge.budget]
detect-x-floor = 1.5
`

func TestParse(t *testing.T) {
	s, err := Parse("dir/my.toml", []byte(valid))
	require.NoError(t, err)
	require.Equal(t, "my", s.Name)
	require.Equal(t, Engine{Replicas: 2, Spares: 1}, s.Engine)
	require.Equal(t, Load{Processes: 6, Cycles: 34}, s.Profile["quick"])
	require.Equal(t, map[string]expect.Count{"worker_down": expect.Exactly(1), "switched": {Min: 1, Max: 2}, "worker_spawned": expect.AtLeast(1)}, s.Expect)
	require.Equal(t, map[string]float64{"lost-frames": 256}, s.Judge.Allow)
	require.Empty(t, s.Needs)
	s, err = Parse("my.toml", []byte("needs = ['portaudio', 'fifo']\n"+valid))
	require.NoError(t, err)
	require.Equal(t, []string{NeedPortAudio, NeedFifo}, s.Needs)
}

func TestEveryMistakeIsOneLineWithThePlace(t *testing.T) {
	for _, tc := range []struct{ old, new, want string }{
		{`spares = 1`, `spares = 1` + "\n" + `spears = 2`, `scenario: my.toml:10: "engine.spears": unknown key`},
		{`[judge]`, "[jugde]\nx = 1\n[judge]", `scenario: my.toml:33: "jugde": unknown key`},
		{`order = 1`, `order = 0`, `scenario: my.toml:1: "order": must be 1 or more`},
		{`order = 1`, `order = "1"`, `scenario: my.toml:1: "order": incompatible types: TOML value has type string; destination has type integer`},
		{`order = 1`, `order = `, `scenario: my.toml:1: "order": expected value but found '\n' instead`},
		{`why = "to test"`, ``, `scenario: my.toml: "why": missing: one sentence that says what must hold`},
		{`sink = "wav"`, `sink = "wav"` + "\n" + `needs = ["luck"]`, `scenario: my.toml:6: "needs": unknown need "luck" (known: fifo, portaudio)`},
		{`sink = "wav"`, `sink = "wav"` + "\n" + `needs = ["fifo", "fifo"]`, `scenario: my.toml:6: "needs": "fifo" is listed twice`},
		{`sink = "wav"`, `sink = "wav"` + "\n" + `needs = "fifo"`, `scenario: my.toml:6: "needs": incompatible types: TOML value has type string; destination has type slice`},
		{`patch = "heavy"`, `patch = "sine"`, `scenario: my.toml:4: "commands": the sound of patch "sine" does not show them (steps and heavy do)`},
		{`sink = "wav"`, `sink = "tape"`, `scenario: my.toml:5: "sink": unknown sink (known: wav, portaudio, null)`},
		{`sink = "wav"`, `sink = "portaudio"`, `scenario: my.toml:4: "commands": they are only heard in the file of sink wav`},
		{"commands = true\nsink = \"wav\"", `sink = "portaudio"`, `scenario: my.toml:3: "patch": only noise gives what a listener hears one place on the tape`},
		{"\"heavy\"\ncommands = true\nsink = \"wav\"", "\"noise\"\nsink = \"portaudio\"", `scenario: my.toml: "needs": must contain portaudio for that sink`},
		{`replicas = 2`, `replicas = 0`, `scenario: my.toml:8: "engine.replicas": must be 1 or more`},
		{`kind = "kill"`, `kind = "maim"`, `scenario: my.toml:12: "fault.kind": unknown fault "maim" (known: `},
		{`target = "primary"`, `target = "host"`, `scenario: my.toml:13: "fault.target": fault "kill": unknown target "host" (known: primary, standby, spare, both, all)`},
		{`target = "primary"`, `points = "("`, `scenario: my.toml:13: "fault.points": error parsing regexp: missing closing ): ` + "`(`"},
		{`[profile.full]`, `[profile.fool]`, `scenario: my.toml:18: "profile.fool": unknown profile (known: quick, full, soak)`},
		{"[profile.full]\nprocesses = 6", "[profile.full]\nprocesses = 0", `scenario: my.toml:19: "profile.full.processes": must be 1 or more`},
		{"[profile.soak]\nprocesses = 6", "[profile.soak]\npause = 61.0\nprocesses = 6", `scenario: my.toml:22: "profile.soak.pause": must be 0 to 60 seconds`},
		{"[profile.soak]\nprocesses = 6", "[profile.soak]\npatch = \"sine\"\nprocesses = 6", `scenario: my.toml:22: "profile.soak.patch": the sound of "sine" shows no commands (steps and heavy do)`},
		{"[profile.soak]\nprocesses = 6", "[profile.soak]\nminutes = -1.0\nprocesses = 6", `scenario: my.toml:22: "profile.soak.minutes": must be 0 to 1440`},
		{`sink = "wav"`, `sink = "wav"` + "\n" + `mix = ["a", "b"]`, `scenario: my.toml:6: "mix": must be two or more scenarios, and leaves no room for a fault, expect or cause of its own`},
		{"kind = \"kill\"\ntarget = \"primary\"", `kind = "command"`, `scenario: my.toml:4: "commands": fault "command" sends them`},
		{"[expect]", "[profile.soak.limit]\nmend = 1.0\n[expect]", `scenario: my.toml:26: "profile.soak.limit.mend": not a metric with a limit above this one`},
		{"[expect]", "[profile.soak.limit]\nleaked-rss-bytes = 1e9\n[expect]", `"profile.soak.limit.leaked-rss-bytes": not a metric with a limit above this one`},
		{`worker_down = 1`, `worker_gone = 1`, `scenario: my.toml:26: "expect.worker_gone": unknown event (known: `},
		{`"1..2"`, `"2..1"`, `scenario: my.toml:27: "expect.switched": want a number of times, ">=N" or "N..M", not 2..1`},
		{`">=1"`, `-1`, `scenario: my.toml:28: "expect.worker_spawned": want a number of times, ">=N" or "N..M", not -1`},
		{`worker_down = "killed"`, `worker_up = "killed"`, `scenario: my.toml:31: "cause.worker_up": cause of an event that is not expected`},
		{`worker_down = "killed"`, `worker_down = "["`, `scenario: my.toml:31: "cause.worker_down": error parsing regexp`},
		{`lost-frames = 256`, `lost-farmes = 256`, `scenario: my.toml:37: "judge.allow.lost-farmes": not a metric with a limit`},
		{`detect-x-floor`, `detect-p51-ns`, `scenario: my.toml:40: "judge.budget.detect-p51-ns": not a budget`},
	} {
		t.Run(tc.new, func(t *testing.T) {
			require.Contains(t, valid, tc.old)
			_, err := Parse("my.toml", []byte(strings.Replace(valid, tc.old, tc.new, 1)))
			require.Error(t, err)
			require.Contains(t, err.Error(), tc.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
	_, err := Parse("my.toml", make([]byte, maxSize+1))
	require.EqualError(t, err, "scenario: my.toml: 16385 bytes, at most 16384")
}

func TestAProfileMayHaveAPatchOfItsOwn(t *testing.T) {
	patches := map[string]string{}
	for _, profile := range []string{"quick", "full"} {
		for _, s := range Select(In(all(t), profile), regexp.MustCompile("^kill-primary$")) {
			patches[profile] = s.PatchFor(true)
			require.Equal(t, "heavy:15%", s.PatchFor(false))
		}
	}
	require.Equal(t, map[string]string{"quick": "heavy:25%", "full": "heavy:50%"}, patches)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(valid))
	entries, err := scenarios.Files.ReadDir(".")
	require.NoError(f, err)
	for _, e := range entries {
		text, err := scenarios.Files.ReadFile(e.Name())
		require.NoError(f, err)
		f.Add(text)
	}
	f.Add([]byte("[fault]\npoints = '('"))
	f.Add([]byte("expect = 1\n[[expect]]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse("fuzz.toml", text)
		switch {
		case err != nil && strings.Contains(err.Error(), "\n"):
			t.Fatalf("more than one line: %q", err)
		case err == nil:
			s.Spec() // must not panic
			if len(s.Profile) == 0 || len(s.Profile) > len(Profiles) || slices.Contains(kinds, "") {
				t.Fatalf("accepted: %+v", s)
			}
		}
	})
}
