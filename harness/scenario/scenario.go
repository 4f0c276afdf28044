// Package scenario loads scenarios, strictly: anything in a file that is
// unknown, missing or out of range is one clear line. It must not depend on how
// a scenario is played or judged.
package scenario

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"chronus/harness/expect"
	"chronus/harness/fault"
	"chronus/scenarios"
)

// Scenario is one file. Its name is the file's without .toml.
type Scenario struct {
	Name  string   `toml:"-"`
	Order int      `toml:"order"` // scenarios run by rising order, a short one first
	Why   string   `toml:"why"`   // one sentence
	Needs []string `toml:"needs"` // what not every machine has, of Needs; without it the scenario is not run
	Patch string   `toml:"patch"` // a built-in patch
	// Ordinary is the patch where SCHED_FIFO is refused; empty: the same.
	Ordinary string `toml:"patch_ordinary"`
	// Commands arrive all the time. The patch's sound must show them.
	Commands bool   `toml:"commands"`
	Sink     string `toml:"sink"` // one of Sinks
	Engine   Engine `toml:"engine"`
	Fault    Fault  `toml:"fault"`
	// Mix: each cycle is drawn from these scenarios, with the fault, expect and
	// cause of the one drawn.
	Mix []string `toml:"mix"`
	// Profile is the scenario's load by profile: quick, full, soak. The
	// scenario is not part of a profile that is missing.
	Profile map[string]Load `toml:"profile"`
	// Expect is, by event kind, how many of them each fault must cause; 0 of
	// those not listed.
	Expect map[string]expect.Count `toml:"expect"`
	// Cause is, by event kind, what its cause must match, a regular expression.
	Cause map[string]string `toml:"cause"`
	Judge Judge             `toml:"judge"`

	parts []*Scenario // of Mix
}

// Engine is how the engine is started.
type Engine struct {
	Replicas int `toml:"replicas"`
	Spares   int `toml:"spares"`
	Lead     int `toml:"lead"`   // blocks; 0: the engine's own choice
	Frames   int `toml:"frames"` // per block; 0: Frames
	Rate     int `toml:"rate"`   // Hz; 0: Rate
}

// Size returns the number of frames per block and the rate in Hz.
func (e Engine) Size() (frames, rate int) { return cmp.Or(e.Frames, Frames), cmp.Or(e.Rate, Rate) }

// Fault is what happens in each cycle.
type Fault struct {
	Kind   string `toml:"kind"`
	Target string `toml:"target"`
	Points string `toml:"points"` // of a kind that passes failpoints: a regular expression of their names
	Words  string `toml:"words"`  // of a kind that flips bits: a regular expression of the names of their words
	Hold   int    `toml:"hold"`   // of a kind that lasts: blocks
}

// Load is how much of a scenario a profile does.
type Load struct {
	Processes int `toml:"processes"` // engine processes, one after the other
	// Cycles is the number of faults in each. Where each fault passes a
	// failpoint, it is how often each point is passed in all processes
	// together.
	Cycles int `toml:"cycles"`
	// Patch replaces the scenario's; under SCHED_FIFO only, where the scenario
	// has another one for without.
	Patch string `toml:"patch"`
	// Pause is how long (s) the whole engine plays undisturbed before each
	// fault.
	Pause float64 `toml:"pause"`
	// Minutes bounds the time of the whole scenario; 0: nothing does. What was
	// not reached by then is reported and does not count as missing.
	Minutes float64 `toml:"minutes"`
	// Limit is, by metric, a limit below the one that holds for all. The metric
	// must be measured then.
	Limit map[string]float64 `toml:"limit"`
}

// Judge is what a scenario is judged by, besides what holds for all.
type Judge struct {
	// MinRendering is how many victims must have been hit while they rendered,
	// of a profile's full number of cycles.
	MinRendering int `toml:"min_rendering"`
	// MustLose reverses the limit on lost frames: a control experiment that
	// loses none proves nothing.
	MustLose bool `toml:"must_lose"`
	// Allow is, by metric, what each fault may add to the limit that holds for
	// all.
	Allow map[string]float64 `toml:"allow"`
	// Limit is the profile's, see In.
	Limit map[string]float64 `toml:"-"`
	// Budget is, by the names of metric.ParseBudget, the most that the median
	// engine process may have.
	Budget map[string]float64 `toml:"budget"`
}

// What a scenario can need.
const (
	NeedFifo      = "fifo"      // SCHED_FIFO is granted
	NeedPortAudio = "portaudio" // the engine has a PortAudio player, and there is a sound server to play to
)

// Where the sound of a scenario can go.
const (
	SinkWAV       = "wav"       // a file
	SinkPortAudio = "portaudio" // the device of a sound server of the scenario's own, of which every frame is recorded
	SinkNull      = "null"      // a device that is no clock: ALSA's null takes sound as fast as it comes
)

// The engine's blocks, where a scenario does not say otherwise.
const (
	Frames = 256   // per block
	Rate   = 44100 // Hz
)

// Sinks are the names of all sinks.
var Sinks = []string{SinkWAV, SinkPortAudio, SinkNull}

// Needs are the names of all that a scenario can need.
var Needs = []string{NeedFifo, NeedPortAudio}

// Profiles are the names of the profiles.
var Profiles = []string{"quick", "full", "soak"}

// Spec returns the fault as package fault takes it.
func (s *Scenario) Spec() fault.Spec {
	spec := fault.Spec{Kind: s.Fault.Kind, Target: s.Fault.Target, Hold: s.Fault.Hold}
	if s.Fault.Points != "" {
		spec.Points = regexp.MustCompile(s.Fault.Points) // Parse has compiled it before
	}
	if s.Fault.Words != "" {
		spec.Words = regexp.MustCompile(s.Fault.Words)
	}
	return spec
}

// Rule returns what the scenario expects of each of its faults.
func (s *Scenario) Rule() expect.Rule { return expect.NewRule(s.Expect, s.Cause) }

// shows reports whether the sound of a patch shows commands.
func shows(patch string) bool {
	return patch == "steps" || patch == "heavy" || strings.HasPrefix(patch, "heavy:")
}

// Saturates reports whether the scenario's patch takes much of the time that
// two CPUs have for it. Other guests of the same machine were seen to slow them
// down by 1.75 for seconds while the floor's sleeps were on time: lateness is
// counted then, but proves nothing about the engine.
func (s *Scenario) Saturates() bool { return s.Patch == "heavy" || strings.HasSuffix(s.Patch, "%") }

// PatchFor returns the patch with SCHED_FIFO or without.
func (s *Scenario) PatchFor(fifo bool) string {
	if !fifo && s.Ordinary != "" {
		return s.Ordinary
	}
	return s.Patch
}

// Parts returns the scenarios that the cycles are drawn from: itself, unless it
// mixes several.
func (s *Scenario) Parts() []*Scenario {
	if s.parts == nil {
		return []*Scenario{s}
	}
	return s.parts
}

// Part finds the scenario that a cycle was drawn from by its name; empty for a
// scenario that mixes none.
func (s *Scenario) Part(name string) (*Scenario, error) {
	if name == "" && s.parts == nil {
		return s, nil
	}
	for _, part := range s.parts {
		if part.Name == name {
			return part, nil
		}
	}
	return nil, fmt.Errorf("scenario: %s: %q is not part of it", s.Name, name)
}

// Commanded reports whether the cycles of the scenario are commands.
func (s *Scenario) Commanded() bool { return s.kind().Sends }

// Crashes reports whether the cycles of the scenario are failpoints, which only
// a build with failpoints has.
func (s *Scenario) Crashes() bool { return s.kind().Crashes() }

// Strays reports whether the cycles of the scenario are flipped bits, of which
// each process has others.
func (s *Scenario) Strays() bool { return s.kind().Strays() }

// Instrumented reports whether the scenario needs a build with failpoints.
func (s *Scenario) Instrumented() bool { return s.Crashes() || s.Strays() }

func (s *Scenario) kind() fault.Kind {
	k, _ := fault.Lookup(s.Fault.Kind) // a mix has none
	return k
}

// All returns the scenarios in the order in which they run.
func All() ([]*Scenario, error) {
	entries, err := scenarios.Files.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	var all []*Scenario
	for _, e := range entries {
		text, err := scenarios.Files.ReadFile(e.Name())
		if err != nil {
			return nil, fmt.Errorf("scenario: %w", err)
		}
		s, err := Parse(e.Name(), text)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	if err := mix(all); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b *Scenario) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Name, b.Name))
	})
	return all, nil
}

// mix finds the parts of scenarios that mix.
func mix(all []*Scenario) error {
	by := map[string]*Scenario{}
	for _, s := range all {
		by[s.Name] = s
	}
	for _, s := range all {
		for _, name := range s.Mix {
			part := by[name]
			switch {
			case part == nil:
				return fmt.Errorf("scenario: %s: mix: no scenario %q", s.Name, name)
			case part.Mix != nil || part.Instrumented() || part.Commanded() || part.Judge.MustLose:
				return fmt.Errorf("scenario: %s: mix: %q cannot be part of another", s.Name, name)
			case part.Engine != s.Engine:
				return fmt.Errorf("scenario: %s: mix: %q has another engine", s.Name, name)
			}
			s.parts = append(s.parts, part)
		}
	}
	return nil
}

// In returns the scenarios that are part of a profile, with its patches and
// limits.
func In(all []*Scenario, profile string) []*Scenario {
	var in []*Scenario
	for _, s := range all {
		if load, ok := s.Profile[profile]; ok {
			limited := *s
			limited.Judge.Limit = load.Limit
			if load.Patch != "" {
				limited.Patch = load.Patch
			}
			in = append(in, &limited)
		}
	}
	return in
}

// Select returns the scenarios whose name matches, in their order.
func Select(all []*Scenario, run *regexp.Regexp) []*Scenario {
	return slices.DeleteFunc(slices.Clone(all), func(s *Scenario) bool { return !run.MatchString(s.Name) })
}

func nameOf(file string) string { return strings.TrimSuffix(path.Base(file), ".toml") }
