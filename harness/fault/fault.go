// Package fault does to a running engine what a scenario orders: one file per
// kind of fault, and a registry that lists the kinds. A fault chooses its
// victims from the engine's status, acts, and undoes what would outlast it; it
// must not judge what came of it.
package fault

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"chronus/engine/control"
)

// Engine is what a fault sees of a running engine.
type Engine interface {
	// Status returns the engine's status.
	Status(ctx context.Context) (*control.Status, error)
	// Points returns the failpoints of the build. It fails if the engine was
	// built without them.
	Points(ctx context.Context) ([]Point, error)
	// Words returns the words of the engine's memory regions. It fails if the
	// engine was built without failpoints.
	Words(ctx context.Context) ([]Word, error)
	// Arm makes the worker in a slot, or the player if slot is PlayerSlot, kill
	// itself when it next passes a point. Each call replaces the one before it,
	// and holds until its victim has died.
	Arm(ctx context.Context, point, slot int) error
	// Send sends one command with a value that no other command has.
	Send() error
	// Hear waits until the value sent last is heard or can be taken for lost.
	Hear()
}

// PlayerSlot stands for the player in Arm and in Victim.
const PlayerSlot = -1

// Point is a failpoint of the engine, or a bit of one of its words.
type Point struct {
	ID     int    `json:"id"`
	Name   string `json:"name"`   // "publish.half"
	Target string `json:"target"` // "worker" or "player"; of a bit: "header"
}

// Victim is a process that a fault hits.
type Victim struct {
	Role       string // primary, standby, spare or player, when it was chosen
	Slot       int    // PlayerSlot for the player
	PID        int
	Generation uint32
	Survives   bool // whether it must live on; otherwise it must die
	MayDie     bool // it may do either
}

func (v Victim) String() string {
	if v.Role == rolePlayer {
		return fmt.Sprintf("player (pid %d)", v.PID)
	}
	return fmt.Sprintf("%s (slot %d, pid %d)", v.Role, v.Slot, v.PID)
}

// Moment is when a fault was injected.
type Moment struct {
	// Before and After are the times just before and just after the kill(2)
	// that starts the fault (ns, CLOCK_MONOTONIC).
	Before, After int64
	// Exact is set if the victims were hit between the two and the host was
	// free to notice. Only then are latencies counted from Before.
	Exact bool
}

// Fault is one injection. Its methods are called once each, in this order;
// Cleanup is called even after an error. Session enforces that.
type Fault interface {
	// Setup chooses the victims in an engine that is whole, and prepares
	// everything that would take time at the moment of injection.
	Setup(ctx context.Context, e Engine) ([]Victim, error)
	// Inject acts at once.
	Inject(ctx context.Context) (Moment, error)
	// Wait returns when the effect can be seen from outside the engine.
	Wait(ctx context.Context) error
	// Recover undoes what outlasts the fault and is not the engine's to mend.
	Recover(ctx context.Context) error
	// Cleanup frees what the fault holds, and undoes what Recover did not.
	Cleanup()
}

// Kind is an entry of the registry.
type Kind struct {
	Doc     string      // one sentence
	Targets []string    // accepted values of Spec.Target; nil if it takes none
	Takes   []Parameter // beyond the target; every other parameter is refused
	Sends   bool        // each fault is a command and hits no process
	// New returns one injection of a checked spec; see the function New.
	New func(s Spec, block time.Duration, p Point) Fault
}

// kinds is the registry. A new kind is a file of its own and one entry here.
var kinds = map[string]Kind{
	"command": {
		Doc:   "no fault: a single command is sent, and its latency measured",
		Sends: true, New: newCommand,
	},
	"crash": {
		Doc:     "the victim sends itself SIGKILL at a failpoint, between two stores",
		Targets: crashTargets, Takes: []Parameter{points}, New: newCrash,
	},
	"flip": {
		Doc:     "one bit is flipped in every finished block of the victim's sound; the victim lives on",
		Targets: survivorTargets, New: newFlip,
	},
	"flood": {
		Doc:   "8192 inaudible commands at once, twice what can wait, and then one that is heard",
		Sends: true, New: newFlood,
	},
	"kill": {
		Doc:     "SIGKILL",
		Targets: killTargets, New: newSignal(unix.SIGKILL),
	},
	"kill-alone": {
		Doc:     "SIGKILL while the host is stopped; the host is continued after hold blocks",
		Targets: workerTargets, Takes: []Parameter{holdBlocks}, New: newAlone,
	},
	"none": {
		Doc: "nothing happens, for about as long as another fault would take",
		New: newNone,
	},
	"spawn-fails": {
		Doc:     "SIGKILL while a limit keeps the host from starting any process; it is lifted after hold blocks",
		Targets: workerTargets, Takes: []Parameter{holdBlocks}, New: newSpawnFails,
	},
	"stop": {
		Doc:     "SIGSTOP: the victim hangs but stays alive",
		Targets: stopTargets, New: newSignal(unix.SIGSTOP),
	},
	"stray": {
		Doc:     "one bit of a word in a region's header is flipped, and the victim killed at once",
		Targets: []string{control.RolePrimary}, Takes: []Parameter{words}, New: newStray,
	},
	"term": {
		Doc:     "SIGTERM",
		Targets: workerTargets, New: newSignal(unix.SIGTERM),
	},
}

// Kinds returns the names of the registry in order.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// Lookup finds a kind by its name.
func Lookup(name string) (Kind, bool) {
	k, ok := kinds[name]
	return k, ok
}

// New returns one injection of a spec that Check has accepted. block is the
// duration of a block; p is the failpoint of a crash, zero for other kinds.
func New(s Spec, block time.Duration, p Point) Fault { return kinds[s.Kind].New(s, block, p) }

// Check reports the first thing that is wrong with a spec: the field as a
// scenario's file names it (kind, target, or a parameter), and why it is
// refused. Both are empty if the spec can be injected.
func (s Spec) Check() (field, why string) {
	k, ok := kinds[s.Kind]
	switch {
	case !ok:
		return "kind", fmt.Sprintf("unknown fault %q (known: %s)", s.Kind, strings.Join(Kinds(), ", "))
	case k.Targets == nil && s.Target != "":
		return "target", fmt.Sprintf("fault %q takes no target", s.Kind)
	case k.Targets != nil && !slices.Contains(k.Targets, s.Target):
		known := strings.Join(k.Targets, ", ")
		return "target", fmt.Sprintf("fault %q: unknown target %q (known: %s)", s.Kind, s.Target, known)
	}
	for _, p := range k.Takes {
		if !p.Valid(s) {
			return p.Name, fmt.Sprintf("fault %q needs %s", s.Kind, p.Needs)
		}
	}
	for _, name := range Kinds() {
		for _, p := range kinds[name].Takes {
			if p.Given(s) && !k.takes(p.Name) {
				return p.Name, fmt.Sprintf("fault %q takes no %s", s.Kind, p.Name)
			}
		}
	}
	return "", ""
}

func (k Kind) takes(parameter string) bool {
	return slices.ContainsFunc(k.Takes, func(p Parameter) bool { return p.Name == parameter })
}
