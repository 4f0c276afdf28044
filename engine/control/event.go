package control

// Kinds of Event.
const (
	EngineStarted      = "engine_started"
	WorkerSpawned      = "worker_spawned"
	WorkerReady        = "worker_ready"    // mapped and idle
	WorkerLeaving      = "worker_leaving"  // gave its leave notice after SIGTERM; worker_down follows at once
	WorkerDown         = "worker_down"     // first news of its end: robust futex, leave notice or pidfd
	WorkerExited       = "worker_exited"   // the pidfd reported it dead, and it was reaped
	Switched           = "switched"        // the callback reads another ring first from here on
	WorkerPromoted     = "worker_promoted" // a spare published its first block
	RedundancyRestored = "redundancy_restored"
	FramesLost         = "frames_lost"
	WorkerHung         = "worker_hung"
	WorkerRetired      = "worker_retired" // idle again, because more workers than replicas rendered
	SinkLost           = "sink_lost"
	SinkRestored       = "sink_restored"
	PlayerDown         = "player_down"
	PlayerStarted      = "player_started"
	Xrun               = "xrun"
	Stalled            = "stalled" // no block has been delivered for a while; cause: why
	Resumed            = "resumed" // one was delivered again
	EngineStopped      = "engine_stopped"
)

// Kind is a row of the table of event kinds.
type Kind struct {
	Name string
	// Counted: a fault decides how many of them there are, so a scenario may
	// expect them. The others happen by themselves or with the machine's
	// lateness, which no fault causes.
	Counted bool
}

// Kinds returns every kind of Event. The loader of scenarios takes what it
// accepts from here, and a test fails for a kind that is declared above and
// missing here, so no kind can go unjudged. (EventsDropped is not one of them:
// it is about the stream, not the engine.)
func Kinds() []Kind {
	return []Kind{
		{EngineStarted, false},
		{WorkerSpawned, true},
		{WorkerReady, true},
		{WorkerLeaving, true},
		{WorkerDown, true},
		{WorkerExited, true},
		{Switched, true},
		{WorkerPromoted, true},
		{RedundancyRestored, true},
		{FramesLost, true},
		{WorkerHung, true},
		{WorkerRetired, false},
		{SinkLost, true},
		{SinkRestored, true},
		{PlayerDown, true},
		{PlayerStarted, true},
		{Xrun, false},
		{Stalled, true},
		{Resumed, true},
		{EngineStopped, false},
	}
}

// Event is one line of GET /events. Its names are fixed: checks from outside
// the project rely on them. Times are raw CLOCK_MONOTONIC, in ns.
type Event struct {
	TNS        int64  `json:"t_ns"`
	Block      uint64 `json:"block"`
	Kind       string `json:"kind"`
	Slot       int    `json:"slot"` // -1: the event is about no slot
	PID        int    `json:"pid,omitempty"`
	Generation uint32 `json:"generation,omitempty"`
	Cause      string `json:"cause,omitempty"`
	// Phase is what a worker was doing when it died, in worker_down and
	// worker_hung: idle, rendering, publishing or restoring.
	Phase string `json:"phase,omitempty"`
	// FromSlot is the ring read first until now, in switched. -1: none.
	FromSlot *int `json:"from_slot,omitempty"`
	// EntryNS and ReturnNS are those of the callback's call, in switched,
	// frames_lost and xrun.
	EntryNS  int64 `json:"entry_ns,omitempty"`
	ReturnNS int64 `json:"return_ns,omitempty"`
	// KnownNS is when the host or the callback activated the spare and FirstNS
	// when the spare published its first block, in worker_promoted.
	KnownNS int64 `json:"known_ns,omitempty"`
	FirstNS int64 `json:"first_ns,omitempty"`
	// By is what activated the spare ("host", "callback", "start"), in
	// worker_promoted.
	By string `json:"by,omitempty"`
	// Frames is the number of frames lost, in frames_lost.
	Frames uint64 `json:"frames,omitempty"`
	// DurNS is the time skipped, in xrun, or without a block, in resumed.
	DurNS int64 `json:"dur_ns,omitempty"`
}
