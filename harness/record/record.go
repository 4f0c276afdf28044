// Package record holds what playing hands to judging: the facts of one engine
// process, from its start to its end, as plain data and as a file. It must not
// measure or judge anything.
//
// All times are CLOCK_MONOTONIC in ns of the machine that played, unless noted
// otherwise.
package record

import (
	"chronus/engine/control"
	"chronus/harness/floor"
)

// Version is the version of the file's format. It rises whenever an older build
// would misread a newer record, or the other way round.
const Version = 1

// Record holds the facts of one engine process. Together with the files that it
// names and the scenario, it is all that judging needs.
type Record struct {
	Header
	Events   []Event
	Sent     []Sent
	Cycles   []Cycle
	Troubles []Trouble
	// Holdings were read at the settled points. The first, early but warm, is
	// what the later ones are compared with.
	Holdings []Holdings
	Heaps    []Heap
	End
}

// Header is what was played, where and how. It is the first line of the file.
type Header struct {
	Version  int     `json:"version"`
	Build    Build   `json:"build"`
	Machine  Machine `json:"machine"`
	Scenario string  `json:"scenario"`
	Profile  string  `json:"profile"`
	Seed     uint64  `json:"seed"`
	Run      int     `json:"run"`    // engine process of the scenario, from 1
	Repeat   string  `json:"repeat"` // the command that repeats it
	Engine   Engine  `json:"engine"`
}

// Build is where the engine's binary comes from, as far as the binary states
// it.
type Build struct {
	Commit string `json:"commit"`
	Dirty  bool   `json:"dirty"`
	Go     string `json:"go"`
}

// Machine is what the engine ran on.
type Machine struct {
	CPU    string `json:"cpu"`
	Arch   string `json:"arch"` // as Go calls it
	CPUs   int    `json:"cpus"`
	Kernel string `json:"kernel"`
	Memory int64  `json:"memory_bytes"`
}

// Engine is how the engine was started, and the size of its blocks.
type Engine struct {
	Patch      string `json:"patch"`
	Sink       string `json:"sink"`
	Replicas   int    `json:"replicas"`
	Spares     int    `json:"spares"`
	Lead       int    `json:"lead"`       // blocks; 0: the engine's own choice
	Failpoints bool   `json:"failpoints"` // a build that has them
	Frames     int    `json:"frames"`     // per block
	Rate       int    `json:"rate"`       // Hz
}

// What an Event's Cycle is where the event came in no cycle's window.
const (
	Starting = 0  // before the first cycle, of an engine that came to play
	Resting  = -1 // after the last cycle
	Apart    = -2 // in no window: the engine did not come to play, or was ending
)

// Event is an event of the engine and when it was received.
type Event struct {
	control.Event
	AtNS  int64 `json:"at_ns"`
	Cycle int   `json:"cycle"` // in whose window it came, from 1; or one of the constants above
	// LastOwner is set in worker_spawned where the slot had an owner before.
	LastOwner *Owner `json:"last_owner,omitempty"`
}

// Owner is the process that had a slot before, as /proc showed it when the
// event of its successor was received.
type Owner struct {
	PID   int    `json:"pid"`
	State string `json:"state"` // R, S, D, T, Z or X, see proc(5); empty: there was no such process
}

// Sent is one command that was sent.
type Sent struct {
	Seq    int     `json:"seq"`
	Value  float64 `json:"value"`
	SentNS int64   `json:"sent_ns"` // just before the datagram
}

// Cycle is one fault as it came about.
type Cycle struct {
	Cycle   int      `json:"cycle"`             // from 1
	Fault   string   `json:"fault,omitempty"`   // the scenario that it is one of, where one mixes several
	Point   string   `json:"point,omitempty"`   // the failpoint of a crash
	Victims []Victim `json:"victims,omitempty"` // as chosen before the fault
	DueNS   int64    `json:"due_ns"`            // when the schedule wanted it; 0: it did not get that far
	Moment  Moment   `json:"moment"`            // zero: it was not injected
	// GoneNS is when the effect was seen from outside: the victims' pidfds
	// reported their deaths. 0: it was not seen.
	GoneNS int64 `json:"gone_ns,omitempty"`
	Whole  bool  `json:"whole"` // the engine had all its redundancy again afterwards
	// Status is the one that showed it whole.
	Status *control.Status `json:"status,omitempty"`
	// PidfdNS and ExecNS are durations that the floor process took beside this
	// cycle. 0: the machine did not let it.
	PidfdNS int64 `json:"floor_pidfd_ns,omitempty"`
	ExecNS  int64 `json:"floor_exec_ns,omitempty"`
}

// Victim is a process that a fault hit.
type Victim struct {
	Role       string `json:"role"` // primary, standby, spare or player, when it was chosen
	Slot       int    `json:"slot"` // fault.PlayerSlot for the player
	PID        int    `json:"pid"`
	Generation uint32 `json:"generation"`
	Survives   bool   `json:"survives,omitempty"` // the fault must not kill it
	MayDie     bool   `json:"may_die,omitempty"`  // the fault may kill it or not
}

// Moment is when a fault was injected.
type Moment struct {
	Before int64 `json:"before_ns"` // just before the kill(2) that started it
	After  int64 `json:"after_ns"`  // just after
	// Exact: the victims were hit between the two, and the host was free to
	// notice.
	Exact bool `json:"exact"`
}

// Stage names what was being done when there was trouble.
type Stage string

// The stages. A trouble at StagePoint is a failpoint that its victim did not
// pass, one at StageListener concerns the recording at the loudspeaker; all
// others are an engine that did not do what it was asked to.
const (
	StageStart    Stage = "start"
	StageEvents   Stage = "events"
	StageSettle   Stage = "settle"
	StagePlan     Stage = "plan"
	StageCommands Stage = "commands"
	StageInject   Stage = "inject"
	StagePoint    Stage = "point"
	StageMend     Stage = "mend"
	StageRead     Stage = "read" // of what its processes hold, or of its metrics
	StageStop     Stage = "stop"
	StageListener Stage = "listener"
)

// Trouble is something that went wrong while the engine played.
type Trouble struct {
	Stage Stage  `json:"stage"`
	Cycle int    `json:"cycle,omitempty"` // 0: it concerns the process as a whole
	Text  string `json:"text"`
}

// Holdings is what the processes of a whole engine held at a settled point.
type Holdings struct {
	Cycle      int   `json:"cycle"` // after which it was read
	Host       Usage `json:"host"`
	Player     Usage `json:"player"`
	Worker     Usage `json:"worker"` // of each figure the most that any worker had
	Procs      int   `json:"procs"`  // zombies included
	Goroutines int   `json:"goroutines"`
}

// Usage is what one process holds.
type Usage struct {
	FDs     int   `json:"fds"` // those below included
	Memfds  int   `json:"memfds"`
	Sockets int   `json:"sockets"`
	Threads int   `json:"threads"`
	RSS     int64 `json:"rss_bytes"`
}

// Heap is the last reading of what a player or a worker had allocated: of one
// that died, the last before its death.
type Heap struct {
	Process    string `json:"process"` // "player" or "worker"
	Generation uint32 `json:"generation"`
	Allocs     uint64 `json:"allocs"` // heap objects since it had settled
	GCs        uint64 `json:"gcs"`    // garbage collections
}

// The values of Heap.Process.
const (
	Player = "player"
	Worker = "worker"
)

// Runtime is what the host's Go runtime had done since it was started.
type Runtime struct {
	Mallocs      float64 `json:"mallocs"`           // heap objects
	Pauses       float64 `json:"pauses"`            // of garbage collections
	LongestPause float64 `json:"longest_pause_sec"` // of those that it remembers
}

// HostRuntime is the host's runtime before the first cycle and after the last.
type HostRuntime struct {
	Before   Runtime  `json:"before"`
	BeforeNS int64    `json:"before_ns"`
	After    *Runtime `json:"after,omitempty"` // nil: the last cycle was not reached
	AfterNS  int64    `json:"after_ns,omitempty"`
}

// Point is a failpoint of the engine's build.
type Point struct {
	ID     int    `json:"id"`
	Name   string `json:"name"`
	Target string `json:"target"` // "worker" or "player"
}

// Listener is what is known of the recording at the loudspeaker.
type Listener struct {
	Due   uint64 `json:"due"`   // everything from this block on must be heard
	Whole bool   `json:"whole"` // the recording has an end
}

// Files are the names of the files that belong to a record, relative to its
// folder. Empty: there is none.
type Files struct {
	Tape     string `json:"tape,omitempty"`
	Sound    string `json:"sound,omitempty"`    // what the wav sink wrote
	Listener string `json:"listener,omitempty"` // what was heard at the loudspeaker
	Log      string `json:"log,omitempty"`
}

// End holds what is known once the engine has ended. It is the last line of the
// file: a file without it is cut off.
type End struct {
	BeginNS int64 `json:"begin_ns"` // just before exec of the host; 0: it was not started
	StopNS  int64 `json:"stop_ns"`  // duration from SIGTERM until the host was reaped; 0: it was not asked, or did not end
	// Settled is the status that first showed the engine playing with all its
	// redundancy. nil: it never was.
	Settled *control.Status `json:"settled,omitempty"`
	// Last is the status after the last cycle. nil: there was none.
	Last  *control.Status `json:"last,omitempty"`
	Host  *HostRuntime    `json:"host,omitempty"`
	Floor floor.Report    `json:"floor"` // from when the engine had settled
	// Points are the failpoints of the build, where the scenario passes some.
	Points []Point `json:"points,omitempty"`
	// Unarmed are the names of those that were planned and not reached.
	Unarmed   []string  `json:"unarmed,omitempty"`
	Leftovers []string  `json:"leftovers,omitempty"` // processes, sockets, memfds: one line each
	OOMKills  int64     `json:"oom_kills"`           // by the kernel, out of memory, from start to end
	Listener  *Listener `json:"listener,omitempty"`  // nil: the sink is not a device
	Files     Files     `json:"files"`
}
