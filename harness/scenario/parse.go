package scenario

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"chronus/engine/control"
	"chronus/harness/metric"
)

// maxPause in seconds: a longer one is several cycles in which nothing happens.
const maxPause = 60

// maxMinutes is a day.
const maxMinutes = 24 * 60

// maxSize of a scenario file in bytes.
const maxSize = 16 << 10

// Parse reads one scenario. An error is one line that names the file, the line
// and the key.
func Parse(file string, text []byte) (*Scenario, error) {
	if len(text) > maxSize {
		return nil, fmt.Errorf("scenario: %s: %d bytes, at most %d", file, len(text), maxSize)
	}
	s := &Scenario{Name: nameOf(file)}
	f := source{file, string(text)}
	meta, err := toml.Decode(f.text, s)
	var bad toml.ParseError
	switch {
	case errors.As(err, &bad):
		return nil, f.errorAt(bad.Position.Line, bad.LastKey, oneLine(bad.Message))
	case err != nil:
		return nil, f.typeError(err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, f.error("unknown key", unknown[0]...)
	}
	return s, f.check(s)
}

// source is a file's name and text.
type source struct{ file, text string }

// error returns an error about a key; it has no line if the key is missing.
func (f source) error(why string, key ...string) error {
	return f.errorAt(f.line(key), strings.Join(key, "."), why)
}

func (f source) errorAt(line int, key, why string) error {
	place := f.file
	if line > 0 {
		place = fmt.Sprintf("%s:%d", f.file, line)
	}
	if key == "" {
		return fmt.Errorf("scenario: %s: %s", place, why)
	}
	return fmt.Errorf("scenario: %s: %q: %s", place, key, why)
}

// typeError brings the toml library's error about a value of the wrong type,
// which has its position in its text only, into the form of all others.
func (f source) typeError(err error) error {
	if m := typeErrorForm.FindStringSubmatch(oneLine(err.Error())); m != nil {
		line, _ := strconv.Atoi(m[1])
		return f.errorAt(line, m[2], m[3])
	}
	return f.errorAt(0, "", oneLine(err.Error()))
}

var typeErrorForm = regexp.MustCompile(`^toml: (?:line (\d+) )?\(last key "([^"]*)"\): (.*)$`)

// line finds the line that defines a key: the last line of the shortest
// beginning of the file that has the key; 0 if there is none. The toml library
// does not report the positions of keys that it decoded. Only lines that
// contain the key are tried, and at most maxTries of them, so that an error
// comes at once.
func (f source) line(key []string) int {
	const maxTries = 32
	n, end, tries := 0, 0, 0
	for l := range strings.Lines(f.text) {
		n++
		end += len(l)
		if !strings.Contains(l, key[len(key)-1]) {
			continue
		}
		if tries++; tries > maxTries {
			break
		}
		var any map[string]any
		if meta, err := toml.Decode(f.text[:end], &any); err == nil && meta.IsDefined(key...) {
			return n
		}
	}
	return 0
}

// check returns what is wrong with the values of a scenario.
func (f source) check(s *Scenario) error {
	for _, c := range []struct {
		bad bool
		key string
		why string
	}{
		{s.Order < 1, "order", "must be 1 or more"},
		{s.Why == "", "why", "missing: one sentence that says what must hold"},
		{s.Patch == "", "patch", "missing"},
		{
			s.Commands && !shows(s.Patch), "commands",
			fmt.Sprintf("the sound of patch %q does not show them (steps and heavy do)", s.Patch),
		},
		{
			s.Commanded() && !shows(s.Patch), "patch",
			fmt.Sprintf("the sound of %q shows no commands (steps and heavy do)", s.Patch),
		},
		{s.Commanded() && s.Commands, "commands", fmt.Sprintf("fault %q sends them", s.Fault.Kind)},
		{
			s.Commands && strings.HasPrefix(s.Patch, "heavy") && s.Ordinary != "" && !strings.HasPrefix(s.Ordinary, "heavy:"),
			"patch_ordinary",
			fmt.Sprintf("the sound of patch %q does not show the commands as that of %q does", s.Ordinary, s.Patch),
		},
		{!slices.Contains(Sinks, s.Sink), "sink", "unknown sink (known: " + strings.Join(Sinks, ", ") + ")"},
		{s.Commands && s.Sink != SinkWAV, "commands", "they are only heard in the file of sink wav"},
		{s.Sink == SinkPortAudio && s.Patch != "noise", "patch", "only noise gives what a listener hears one place on the tape"},
		{s.Sink != SinkWAV && slices.Contains(Sinks, s.Sink) && !slices.Contains(s.Needs, NeedPortAudio), "needs", "must contain portaudio for that sink"},
		{s.Engine.Replicas < 1, "engine.replicas", "must be 1 or more"},
		{s.Engine.Spares < 0, "engine.spares", "must be 0 or more"},
		{s.Engine.Lead < 0, "engine.lead", "must be 0 or more"},
		{s.Engine.Frames < 0, "engine.frames", "must be 0 or more"},
		{s.Engine.Rate < 0, "engine.rate", "must be 0 or more"},
		{s.Sink == SinkPortAudio && (s.Engine.Frames != 0 || s.Engine.Rate != 0), "engine", "a listener's recording has blocks of its own size"},
		{s.Judge.MinRendering < 0, "judge.min_rendering", "must be 0 or more"},
	} {
		if c.bad {
			return f.error(c.why, strings.Split(c.key, ".")...)
		}
	}
	for i, need := range s.Needs {
		if !slices.Contains(Needs, need) {
			return f.error(fmt.Sprintf("unknown need %q (known: %s)", need, strings.Join(Needs, ", ")), "needs")
		}
		if slices.Contains(s.Needs[:i], need) {
			return f.error(fmt.Sprintf("%q is listed twice", need), "needs")
		}
	}
	for key, expr := range map[string]string{"points": s.Fault.Points, "words": s.Fault.Words} {
		if _, err := regexp.Compile(expr); err != nil {
			return f.error(oneLine(err.Error()), "fault", key)
		}
	}
	switch field, why := s.Spec().Check(); {
	case s.Mix != nil && (len(s.Mix) < 2 || s.Fault != Fault{} || s.Expect != nil || s.Cause != nil):
		return f.error("must be two or more scenarios, and leaves no room for a fault, expect or cause of its own", "mix")
	case s.Mix == nil && field != "":
		return f.error(why, "fault", field)
	}
	if err := f.checkProfiles(s); err != nil {
		return err
	}
	if err := f.checkEvents(s); err != nil {
		return err
	}
	return f.checkJudge(s)
}

func (f source) checkProfiles(s *Scenario) error {
	for _, name := range slices.Sorted(maps.Keys(s.Profile)) {
		l := s.Profile[name]
		switch {
		case !slices.Contains(Profiles, name):
			return f.error("unknown profile (known: "+strings.Join(Profiles, ", ")+")", "profile", name)
		case l.Processes < 1:
			return f.error("must be 1 or more", "profile", name, "processes")
		case l.Cycles < 1:
			return f.error("must be 1 or more", "profile", name, "cycles")
		case l.Patch != "" && (s.Commands || s.Commanded()) && !shows(l.Patch):
			return f.error(fmt.Sprintf("the sound of %q shows no commands (steps and heavy do)", l.Patch),
				"profile", name, "patch")
		case l.Patch != "" && s.Sink == SinkPortAudio:
			return f.error("only the scenario's patch gives what a listener hears one place on the tape",
				"profile", name, "patch")
		case !(l.Pause >= 0 && l.Pause <= maxPause):
			return f.error(fmt.Sprintf("must be 0 to %d seconds", maxPause), "profile", name, "pause")
		case !(l.Minutes >= 0 && l.Minutes <= maxMinutes):
			return f.error(fmt.Sprintf("must be 0 to %d", maxMinutes), "profile", name, "minutes")
		}
		for _, limited := range slices.Sorted(maps.Keys(l.Limit)) {
			if m, ok := metric.Lookup(limited); !ok || !m.Judged() || m.Found || !(l.Limit[limited] < m.Limit) {
				return f.error("not a metric with a limit above this one", "profile", name, "limit", limited)
			}
		}
	}
	if len(s.Profile) == 0 {
		return f.error("missing: one or more of ("+strings.Join(Profiles, ", ")+")", "profile")
	}
	return nil
}

func (f source) checkEvents(s *Scenario) error {
	for _, kind := range slices.Sorted(maps.Keys(s.Expect)) {
		if !slices.Contains(kinds, kind) {
			return f.error("unknown event (known: "+strings.Join(kinds, ", ")+")", "expect", kind)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(s.Cause)) {
		if _, ok := s.Expect[kind]; !ok {
			return f.error("cause of an event that is not expected", "cause", kind)
		}
		if _, err := regexp.Compile(s.Cause[kind]); err != nil {
			return f.error(oneLine(err.Error()), "cause", kind)
		}
	}
	return nil
}

func (f source) checkJudge(s *Scenario) error {
	for _, name := range slices.Sorted(maps.Keys(s.Judge.Allow)) {
		if m, ok := metric.Lookup(name); !ok || !m.Judged() {
			return f.error("not a metric with a limit", "judge", "allow", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Judge.Budget)) {
		if _, ok := metric.ParseBudget(name); !ok {
			return f.error("not a budget (known: <metric>-p50-<unit>, <metric>-x-floor, <metric>-beyond-block, <metric>-past-lead-ns)",
				"judge", "budget", name)
		}
	}
	return nil
}

// kinds are the names of the events that a scenario may expect.
var kinds = countedKinds()

func countedKinds() []string {
	var names []string
	for _, k := range control.Kinds() {
		if k.Counted {
			names = append(names, k.Name)
		}
	}
	return names
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
