package control

// The JSON that leaves the engine. Names are fixed: checks from outside the project rely on them.

// State of the engine as a whole, in Status.State.
const (
	StateStarting = "starting" // not every replica renders yet
	StatePlaying  = "playing"
	StateStopping = "stopping"
	StateStopped  = "stopped"
)

// Role of a worker as it is now, in Worker.Role.
const (
	RolePrimary = "primary" // its ring is read first
	RoleStandby = "standby" // renders in lockstep
	RoleSpare   = "spare"   // mapped and idle, or still starting
)

// State of a worker, in Worker.State.
const (
	WorkerStarting  = "starting"  // exec'd, not yet mapped and idle
	WorkerIdle      = "idle"      // a ready spare
	WorkerRestoring = "restoring" // activated, looking for a state to go on from
	WorkerRendering = "rendering"
	WorkerDead      = "dead" // known dead, not yet reaped
)

// Status is GET /status and `chronus status --json`.
type Status struct {
	State     string   `json:"state"`
	Error     string   `json:"error,omitempty"`
	Rate      int      `json:"rate"`   // Hz
	Frames    int      `json:"frames"` // frames a block
	Channels  int      `json:"channels"`
	Lead      int      `json:"lead"` // blocks
	Replicas  int      `json:"replicas"`
	Spares    int      `json:"spares"`
	Block     uint64   `json:"block"` // next block to be played: every block below it has been
	Sealed    uint64   `json:"sealed"`
	Sink      string   `json:"sink"` // "clock", "wav:FILE", "portaudio", "portaudio:DEVICE"
	Device    *Device  `json:"device,omitempty"`
	OSC       string   `json:"osc"` // host:port as bound
	Patch     string   `json:"patch"`
	PID       int      `json:"pid"` // of the host
	UptimeNS  int64    `json:"uptime_ns"`
	Workers   []Worker `json:"workers"` // by role (primary, standby, spare), then slot
	Failovers uint64   `json:"failovers"`
	// LateFailovers are those of Failovers in which the worker that was read
	// until then was alive, only later than another. Nothing died, and nothing
	// was heard.
	LateFailovers uint64 `json:"late_failovers"`
	Restarts      uint64 `json:"restarts"` // workers started in place of one that died
	LostFrames    uint64 `json:"lost_frames"`
	Xruns         uint64 `json:"xruns"`
	XrunNS        uint64 `json:"xrun_ns"` // time skipped at re-anchors
	// HeardXruns counts the gaps that a listener heard: the device reported
	// that it had nothing left to play. Xruns without it were only late.
	HeardXruns      uint64  `json:"heard_xruns"`
	Commands        uint64  `json:"commands"`
	LateCommands    uint64  `json:"late_commands"`
	DroppedCommands uint64  `json:"dropped_commands"` // refused because the queue was full
	LimitedFrames   uint64  `json:"limited_frames"`   // frames in which the limiter at the output had to act
	BadPackets      uint64  `json:"bad_packets"`      // malformed, unknown address, bad argument
	Divergences     uint64  `json:"divergences"`
	Goroutines      int     `json:"goroutines"`
	CallbackAllocs  uint64  `json:"callback_allocs"`
	PlayerGCs       uint64  `json:"player_gcs"` // garbage collections in the player; each would stop its callback
	DriftPPM        float64 `json:"drift_ppm"`
	Player          Player  `json:"player"`
	Tape            string  `json:"tape,omitempty"`
	TapeMissed      uint64  `json:"tape_missed_blocks"`   // blocks the disk was too slow or too full for
	TapeError       string  `json:"tape_error,omitempty"` // why the tape ends there
	SinkMissed      uint64  `json:"sink_missed_blocks"`   // of a sound file: blocks the disk was too slow or too full for; silence there
	// LatencyNS is the lead as a time: from a block's seal, which takes the commands there are, to its playout. A command
	// waits that long, and up to a block more for the seal; what the device adds is not in it.
	LatencyNS int64 `json:"latency_ns"`
	// What the last second of sound was like. Absent while nothing plays.
	Levels   *Levels   `json:"levels,omitempty"`
	Callback *Callback `json:"callback,omitempty"`
	// LastFailover is absent until there was one.
	LastFailover *Failover `json:"last_failover,omitempty"`
}

// SilenceDBFS is the level of silence, which JSON has no number for, and of everything below it.
const SilenceDBFS = -200.0

// Levels of the sound of the last second over all channels, in dB of full scale: a sample of 1.0 has 0 dBFS. A sine of
// full scale therefore has a peak of 0 and an RMS of -3.01 dBFS. Never below SilenceDBFS.
type Levels struct {
	PeakDBFS  float64 `json:"peak_dbfs"`
	RMSDBFS   float64 `json:"rms_dbfs"`
	NotFinite uint64  `json:"not_finite"` // samples that are no number or infinite; they are in neither level
}

// Callback is how long the calls of the last second took, from entry to return, and how much later than due they came.
// The percentiles are times that were seen, by nearest rank.
type Callback struct {
	Blocks    int   `json:"blocks"` // calls in it
	P50NS     int64 `json:"p50_ns"`
	P99NS     int64 `json:"p99_ns"`
	MaxNS     int64 `json:"max_ns"`
	LateP99NS int64 `json:"late_p99_ns"` // 0 where no grid says when a call is due
	LateMaxNS int64 `json:"late_max_ns"`
}

// Failover holds the last figure of each kind. When the death was is not known inside, only when it became known.
type Failover struct {
	TNS       int64  `json:"t_ns"`  // of the last switch, CLOCK_MONOTONIC; 0: no switch was needed yet
	Block     uint64 `json:"block"` // the first one that came from Slot
	FromSlot  int    `json:"from_slot"`
	Slot      int    `json:"slot"`
	SwitchNS  int64  `json:"switch_ns"`  // the call that switched, from entry to return
	PromoteNS int64  `json:"promote_ns"` // from the last activation of a spare to its first block
	MendNS    int64  `json:"mend_ns"`    // from the first death known to as many workers and spares as before
	Mending   bool   `json:"mending"`    // that of the last death is still to come
}

// Worker is one worker process in Status.
type Worker struct {
	Role        string `json:"role"`
	Slot        int    `json:"slot"`
	PID         int    `json:"pid"`
	Generation  uint32 `json:"generation"` // counts worker processes, from 1
	State       string `json:"state"`
	Block       uint64 `json:"block"`         // next block it will publish; 0 for a spare
	RenderAlloc uint64 `json:"render_allocs"` // heap objects allocated since its first block
	GCs         uint64 `json:"gcs"`           // garbage collections
	CPU         int    `json:"cpu"`           // its render thread keeps to this one; -1: any
	AgeNS       int64  `json:"age_ns"`        // since it was started
	RSS         uint64 `json:"rss_bytes"`     // resident memory, with what it touched of the shared regions
	// PromotedBlock is the first block it published since it was last activated; 0: none, or the first of all.
	PromotedBlock uint64 `json:"promoted_block"`
}

// Player is the player process in Status.
type Player struct {
	PID        int    `json:"pid"`
	Sched      string `json:"sched"`      // "fifo" or "other"
	Generation uint32 `json:"generation"` // counts players, from 1
	AgeNS      int64  `json:"age_ns"`     // since it was started
	RSS        uint64 `json:"rss_bytes"`  // as Worker.RSS
}

// State of the sound device, in Device.State.
const (
	DevicePlaying = "playing" // it paces the engine
	DeviceWaiting = "waiting" // there is none, or not yet: the clock paces
)

// Device is the sound device in Status, where the sink is one.
type Device struct {
	State     string `json:"state"`
	Name      string `json:"name,omitempty"`
	LatencyNS int64  `json:"latency_ns,omitempty"` // of its buffer, by its own word
	Why       string `json:"why,omitempty"`        // there is none
	// Server is the PulseAudio server that the engine was told to play on.
	Server string `json:"server,omitempty"`
	// Sink and Description are the names of the server's output that the stream
	// is on. `chronus status` asks the server for them: GET /status lacks them.
	Sink        string `json:"sink,omitempty"`
	Description string `json:"description,omitempty"`
}

// Kinds of Event.
const (
	EngineStarted      = "engine_started"
	WorkerSpawned      = "worker_spawned"
	WorkerReady        = "worker_ready"    // mapped and idle
	WorkerLeaving      = "worker_leaving"  // its leave notice after SIGTERM; worker_down follows without delay
	WorkerDown         = "worker_down"     // the host knows: robust futex, leave notice or pidfd, whichever came first
	WorkerExited       = "worker_exited"   // the pidfd said dead and it was reaped
	Switched           = "switched"        // the callback read another ring first from here on
	WorkerPromoted     = "worker_promoted" // a spare published its first block
	RedundancyRestored = "redundancy_restored"
	FramesLost         = "frames_lost"
	WorkerHung         = "worker_hung"
	WorkerDiverged     = "worker_diverged"
	WorkerRetired      = "worker_retired" // more rendered than replicas: it is idle again
	SinkLost           = "sink_lost"
	SinkRestored       = "sink_restored"
	PlayerDown         = "player_down"
	PlayerStarted      = "player_started"
	Xrun               = "xrun"
	CommandQuarantined = "command_quarantined"
	EngineStopped      = "engine_stopped"
)

// Event is one line of GET /events. Times are raw CLOCK_MONOTONIC, ns.
type Event struct {
	TNS        int64  `json:"t_ns"`
	Block      uint64 `json:"block"`
	Kind       string `json:"kind"`
	Slot       int    `json:"slot"` // -1 where no slot is meant
	PID        int    `json:"pid,omitempty"`
	Generation uint32 `json:"generation,omitempty"`
	Cause      string `json:"cause,omitempty"`
	// Phase is what a worker was doing when it died, in worker_down and worker_hung: idle, rendering, publishing, restoring.
	Phase string `json:"phase,omitempty"`
	// FromSlot is the ring read first until now, in switched. -1: none.
	FromSlot *int `json:"from_slot,omitempty"`
	// EntryNS and ReturnNS are those of the callback call, in switched, frames_lost and xrun.
	EntryNS  int64 `json:"entry_ns,omitempty"`
	ReturnNS int64 `json:"return_ns,omitempty"`
	// KnownNS is when the host or the callback activated the spare, FirstNS when its first block was published; in worker_promoted.
	KnownNS int64 `json:"known_ns,omitempty"`
	FirstNS int64 `json:"first_ns,omitempty"`
	// By says who activated it ("host", "callback", "start"), in worker_promoted.
	By string `json:"by,omitempty"`
	// Frames lost, in frames_lost.
	Frames uint64 `json:"frames,omitempty"`
	// DurNS is the time skipped, in xrun.
	DurNS int64 `json:"dur_ns,omitempty"`
}
