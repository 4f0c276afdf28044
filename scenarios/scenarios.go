// Package scenarios holds what a verification does, one declarative file a scenario, and their loader. A file says which fault
// hits which worker how often, which events each fault must cause, and what it may cost. It must not hold anything that has
// to be run to be understood.
package scenarios

import (
	"cmp"
	"embed"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"chronus/harness/fault"
)

// Scenario is one file. Its name is the file's without .toml.
type Scenario struct {
	Name     string            `toml:"-"`
	Order    int               `toml:"order"`          // scenarios run by rising order, a short one first
	Why      string            `toml:"why"`            // one sentence
	Needs    []string          `toml:"needs"`          // what not every machine has, of Needs; without it the scenario is not run
	Patch    string            `toml:"patch"`          // a built-in patch
	Ordinary string            `toml:"patch_ordinary"` // instead, where SCHED_FIFO is refused; empty: the same
	Commands bool              `toml:"commands"`       // commands arrive all the time; the patch's sound must show them
	Sink     string            `toml:"sink"`           // one of Sinks
	Engine   Engine            `toml:"engine"`
	Fault    Fault             `toml:"fault"`
	Mix      []string          `toml:"mix"`     // each cycle is that of one of these scenarios, by lot: its fault, its expect, its cause
	Profile  map[string]Load   `toml:"profile"` // by profile: quick, full, soak; of a profile that is missing it is no part
	Expect   map[string]Count  `toml:"expect"`  // by event kind: how many of them each fault must cause; 0 of those not listed
	Cause    map[string]string `toml:"cause"`   // by event kind: what its cause must match, a regular expression
	Judge    Judge             `toml:"judge"`

	parts []*Scenario // of Mix
}

// Engine is how the engine is started.
type Engine struct {
	Replicas int `toml:"replicas"`
	Spares   int `toml:"spares"`
	Lead     int `toml:"lead"` // blocks; 0: the engine's own choice
}

// Fault is what happens in each cycle.
type Fault struct {
	Kind   string `toml:"kind"`
	Target string `toml:"target"`
	Points string `toml:"points"` // of kind crash: regular expression of the failpoints
	Hold   int    `toml:"hold"`   // of kind kill-alone: blocks for which the host is stopped
}

// Load is how much of it a profile does.
type Load struct {
	Processes int `toml:"processes"` // engine processes, one after the other
	Cycles    int `toml:"cycles"`    // faults in each; of kind crash: how often each point is passed, in all processes together
	// Patch is the profile's instead of the scenario's; under SCHED_FIFO only where that has one for without.
	Patch string `toml:"patch"`
	// Pause is how long (s) the whole engine plays undisturbed before each fault.
	Pause float64 `toml:"pause"`
	// Minutes bounds the time of the whole scenario; 0: nothing does. What was not reached by then is said and not missed.
	Minutes float64 `toml:"minutes"`
	// Limit is, by metric, a limit below the one that holds for all. The metric must be measured then.
	Limit map[string]float64 `toml:"limit"`
}

// Judge is what a scenario is judged by, besides what holds for all.
type Judge struct {
	// MinRendering is how many victims must have been hit while they rendered, of a profile's full number of cycles.
	MinRendering int `toml:"min_rendering"`
	// MustLose turns the limit on lost frames round: a control experiment that loses none proves nothing.
	MustLose bool `toml:"must_lose"`
	// Allow is, by metric, what each fault may add to the limit that holds for all.
	Allow map[string]float64 `toml:"allow"`
	// Limit is the profile's, see In.
	Limit map[string]float64 `toml:"-"`
	// Budget is, by the names of report.ParseBudget, the most that the median engine process may have.
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
)

// Sinks are the names of all sinks.
var Sinks = []string{SinkWAV, SinkPortAudio}

// Needs are the names of all that a scenario can need.
var Needs = []string{NeedFifo, NeedPortAudio}

// Profiles are the names of the profiles.
var Profiles = []string{"quick", "full", "soak"}

// Spec is the fault as package fault takes it.
func (s *Scenario) Spec() fault.Spec {
	spec := fault.Spec{Kind: s.Fault.Kind, Target: s.Fault.Target, Hold: s.Fault.Hold}
	if s.Fault.Points != "" {
		spec.Points = regexp.MustCompile(s.Fault.Points) // was checked by Parse
	}
	return spec
}

// shows says whether the sound of a patch shows commands.
func shows(patch string) bool {
	return patch == "steps" || patch == "heavy" || strings.HasPrefix(patch, "heavy:")
}

// Saturates says that the scenario's patch takes much of the time that two processors have for it. Somebody else's machine was
// seen to slow them down by 1.75 for seconds, while the floor's sleeps were on time: being late then is counted, but says
// nothing about the engine.
func (s *Scenario) Saturates() bool { return s.Patch == "heavy" || strings.HasSuffix(s.Patch, "%") }

// PatchFor is the patch with SCHED_FIFO or without.
func (s *Scenario) PatchFor(fifo bool) string {
	if !fifo && s.Ordinary != "" {
		return s.Ordinary
	}
	return s.Patch
}

// Parts are the scenarios that the cycles are taken from: of one that mixes none, itself.
func (s *Scenario) Parts() []*Scenario {
	if s.parts == nil {
		return []*Scenario{s}
	}
	return s.parts
}

// Commanded says that the cycles of the scenario are commands.
func (s *Scenario) Commanded() bool { return s.Fault.Kind == "command" }

// Crashes says that the cycles of the scenario are its failpoints, which only a build with failpoints has.
func (s *Scenario) Crashes() bool { return s.Fault.Kind == "crash" }

//go:embed *.toml
var files embed.FS

// All returns the scenarios in the order in which they run.
func All() ([]*Scenario, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("scenarios: %w", err)
	}
	var all []*Scenario
	for _, e := range entries {
		text, err := files.ReadFile(e.Name())
		if err != nil {
			return nil, fmt.Errorf("scenarios: %w", err)
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

// mix finds the parts of those that mix.
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
			case part.Mix != nil || part.Crashes() || part.Commanded() || part.Judge.MustLose:
				return fmt.Errorf("scenario: %s: mix: %q cannot be part of another", s.Name, name)
			case part.Engine != s.Engine:
				return fmt.Errorf("scenario: %s: mix: %q has another engine", s.Name, name)
			}
			s.parts = append(s.parts, part)
		}
	}
	return nil
}

// In returns the scenarios that are part of a profile, with its patches and limits.
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
