// Package fault does to a running engine what a scenario says: one file a kind, and a registry that lists them. A fault
// chooses its victims from the engine's status, acts, and takes back what would outlast it; it must not judge what came of
// it.
package fault

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"chronus/engine/control"
)

// Engine is what a fault sees of a running engine.
type Engine interface {
	Status(ctx context.Context) (*control.Status, error)
	// Points lists the failpoints of the build, none where it has none.
	Points(ctx context.Context) ([]Point, error)
	// Arm makes the worker of a slot, or the player with slot PlayerSlot, kill itself when it passes a point next. Only the
	// last Arm holds, until its victim has died.
	Arm(ctx context.Context, point, slot int) error
	// Send sends one command that has a value of its own, and Hear waits until that value is heard, or can be taken for lost.
	Send() error
	Hear()
}

// PlayerSlot stands for the player where Arm asks for a slot.
const PlayerSlot = -1

// Point is a failpoint of the engine.
type Point struct {
	ID     int    `json:"id"`
	Name   string `json:"name"`   // "publish.half"
	Target string `json:"target"` // "worker" or "player"
}

// Victim is a process that a fault hits, and that has to die of it or to survive it.
type Victim struct {
	Role       string // primary, standby, spare or player, when it was chosen
	Slot       int    // PlayerSlot for the player
	PID        int
	Generation uint32
	Survives   bool
}

func (v Victim) String() string {
	if v.Role == rolePlayer {
		return fmt.Sprintf("player (pid %d)", v.PID)
	}
	return fmt.Sprintf("%s (slot %d, pid %d)", v.Role, v.Slot, v.PID)
}

const rolePlayer = "player"

// Moment is when a fault was injected.
type Moment struct {
	Before, After int64 // ns, just before and just after the kill(2) that starts it
	// Exact: the victims were hit between the two, and the host was free to notice. Only then are latencies counted from it.
	Exact bool
}

// Fault is one injection. Its methods are called once each in this order; Cleanup always, also after an error. Session sees
// to that.
type Fault interface {
	// Setup chooses the victims of a whole engine and prepares all that would take time at the instant itself.
	Setup(ctx context.Context, e Engine) ([]Victim, error)
	// Inject acts, now.
	Inject(ctx context.Context) (Moment, error)
	// Wait returns when the effect is there, seen from outside the engine.
	Wait(ctx context.Context) error
	// Recover takes back what outlasts the fault and is not the engine's to mend.
	Recover(ctx context.Context) error
	// Cleanup frees what the fault holds, and takes back what Recover did not.
	Cleanup()
}

// Spec says which fault. Kinds refuse what they do not take.
type Spec struct {
	Kind   string
	Target string         // primary, standby, both, spare or player; empty for a kind without victims
	Points *regexp.Regexp // of kind crash: the names of the failpoints to pass, one a fault
	Hold   int            // of kind kill-alone: blocks for which the host stays stopped
}

// Kind is an entry of the registry. It holds all that the loader of scenarios
// has to know of a kind, so that a new one is a file and an entry here.
type Kind struct {
	Doc     string   // one sentence
	Targets []string // accepted; nil: takes none
	// Points: a spec needs failpoints, of which each fault passes one. Only a
	// build with failpoints has them.
	Points bool
	// Hold: a spec needs the number of blocks for which the fault lasts.
	Hold bool
	// Sends: each fault is a command, and hits no process.
	Sends bool
	New   func(s Spec, block time.Duration, p Point) Fault
}

var kinds = map[string]Kind{
	"command": {Doc: "none: a command is sent, one at a time", Sends: true, New: newCommand},
	"none":    {Doc: "nothing happens, for about as long as another fault would take", New: newNone},
	"kill":    {Doc: "SIGKILL", Targets: workerTargets, New: newSignal(unix.SIGKILL)},
	"term":    {Doc: "SIGTERM", Targets: workerTargets, New: newSignal(unix.SIGTERM)},
	"stop":    {Doc: "SIGSTOP: it hangs, alive", Targets: workerTargets, New: newSignal(unix.SIGSTOP)},
	"flip": {
		Doc:     "one bit in every block of sound that it has ready is flipped; it lives on",
		Targets: survivorTargets, New: newFlip,
	},
	"kill-alone": {
		Doc:     "SIGKILL while the host is stopped, for hold blocks",
		Targets: workerTargets, Hold: true, New: newAlone,
	},
	"crash": {
		Doc:     "SIGKILL to itself between two stores, at a failpoint",
		Targets: crashTargets, Points: true, New: newCrash,
	},
}

// Kinds lists the registry's names in order.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// Lookup finds a kind.
func Lookup(name string) (Kind, bool) {
	k, ok := kinds[name]
	return k, ok
}

// Check says what is wrong with a spec, by the name of the field: kind, target, points or hold; and why. Empty: nothing.
func (s Spec) Check() (field, why string) {
	k, ok := kinds[s.Kind]
	switch {
	case !ok:
		return "kind", fmt.Sprintf("unknown fault %q (known: %s)", s.Kind, strings.Join(Kinds(), ", "))
	case k.Targets == nil && s.Target != "":
		return "target", fmt.Sprintf("fault %q takes no target", s.Kind)
	case k.Targets != nil && !slices.Contains(k.Targets, s.Target):
		return "target", fmt.Sprintf("fault %q: unknown target %q (known: %s)", s.Kind, s.Target, strings.Join(k.Targets, ", "))
	case k.Points && s.Points == nil:
		return "points", fmt.Sprintf("fault %q needs points", s.Kind)
	case !k.Points && s.Points != nil:
		return "points", fmt.Sprintf("fault %q takes no points", s.Kind)
	case k.Hold && s.Hold < 1:
		return "hold", fmt.Sprintf("fault %q needs hold, in blocks, at least 1", s.Kind)
	case !k.Hold && s.Hold != 0:
		return "hold", fmt.Sprintf("fault %q takes no hold", s.Kind)
	}
	return "", ""
}

// New returns one injection of a spec that was checked. block is the duration of a block; p is the point of a crash.
func New(s Spec, block time.Duration, p Point) Fault { return kinds[s.Kind].New(s, block, p) }

// Select lists the failpoints that a crash spec asks for, in the engine's order.
func (s Spec) Select(all []Point) []Point {
	kind := "worker"
	if s.Target == rolePlayer {
		kind = "player"
	}
	var chosen []Point
	for _, p := range all {
		if p.Target == kind && s.Points.MatchString(p.Name) {
			chosen = append(chosen, p)
		}
	}
	return chosen
}
