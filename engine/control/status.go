package control

import (
	"cmp"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"chronus/engine/dsp"
	"chronus/engine/internal/process"
	"chronus/engine/internal/roster"
	"chronus/engine/osc"
)

// This file is all that a field of the status takes: its type, where its value
// comes from and the metric that shows it.

// Status is GET /status and `chronus status --json`. Its names are fixed:
// checks from outside the project rely on them. Every number in it is also a
// metric, unless its tag says metric:"-".
type Status struct {
	State     string   `json:"state"`
	Rate      int      `json:"rate"`   // Hz
	Frames    int      `json:"frames"` // frames per block
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
	PID       int      `json:"pid" metric:"-"` // of the host; Prometheus' process collector covers it
	UptimeNS  int64    `json:"uptime_ns"`
	Workers   []Worker `json:"workers"` // by role (primary, standby, spare), then slot
	Failovers uint64   `json:"failovers"`
	// LateFailovers are those of Failovers in which the worker that was read
	// until then was alive, only later than another: nothing died, and nothing
	// was heard.
	LateFailovers uint64 `json:"late_failovers"`
	Restarts      uint64 `json:"restarts"` // workers started in place of one that died
	LostFrames    uint64 `json:"lost_frames"`
	Xruns         uint64 `json:"xruns"`
	XrunNS        uint64 `json:"xrun_ns"` // time skipped when the grid was re-anchored
	// HeardXruns counts the gaps that a listener heard: the device reported
	// that it had nothing left to play. Other xruns were only late.
	HeardXruns      uint64 `json:"heard_xruns"`
	Commands        uint64 `json:"commands"`
	LateCommands    uint64 `json:"late_commands"`
	DroppedCommands uint64 `json:"dropped_commands"` // refused because the queue was full
	LimitedFrames   uint64 `json:"limited_frames"`   // frames in which the limiter at the output had to act
	BadPackets      uint64 `json:"bad_packets"`      // malformed, unknown address, bad argument
	// Every datagram sent to the OSC port is in Packets or in KernelDrops, and
	// every command in one in Commands, WaitingCommands, CoalescedCommands or
	// DroppedCommands.
	Packets           uint64  `json:"packets"`            // OSC datagrams received, bad ones included
	KernelDrops       uint64  `json:"kernel_drops"`       // datagrams that the kernel dropped: the receive buffer was full
	WaitingCommands   uint64  `json:"waiting_commands"`   // for room in the log, or for their time
	CoalescedCommands uint64  `json:"coalesced_commands"` // superseded, in a full queue, by a later value for the same frame
	ClampedCommands   uint64  `json:"clamped_commands"`   // with a value outside the parameter's range
	WithheldAnswers   uint64  `json:"withheld_answers"`   // to OSC questions, beyond ten per second
	OSCBuffer         int     `json:"osc_buffer_bytes"`   // receive buffer that the kernel granted
	Divergences       uint64  `json:"divergences"`
	Goroutines        int     `json:"goroutines" metric:"-"` // Prometheus' Go collector covers it
	CallbackAllocs    uint64  `json:"callback_allocs"`
	PlayerGCs         uint64  `json:"player_gcs"` // collections of the player, which would stop its callback
	DriftPPM          float64 `json:"drift_ppm"`
	Player            Player  `json:"player"`
	Tape              string  `json:"tape,omitempty"`
	TapeMissed        uint64  `json:"tape_missed_blocks"`   // blocks that the disk could not take in time
	TapeError         string  `json:"tape_error,omitempty"` // why the tape ended early
	SinkMissed        uint64  `json:"sink_missed_blocks"`   // as TapeMissed, in a sound file: silence there
	// LatencyNS is the lead as a time: from a block's seal, which takes the
	// commands received so far, to its playout. A command waits that long, plus
	// up to a block for the seal. The device's own latency comes on top.
	LatencyNS int64 `json:"latency_ns"`
	// Levels and Callback describe the last second of sound. They are absent
	// while nothing plays.
	Levels   *Levels   `json:"levels,omitempty"`
	Callback *Callback `json:"callback,omitempty"`
	// LastFailover is absent until there was one.
	LastFailover *Failover `json:"last_failover,omitempty"`
}

// State of the engine as a whole, in Status.State.
const (
	StateStarting = "starting" // no block has been played yet
	StatePlaying  = "playing"
	StateStopping = "stopping"
	StateStopped  = "stopped"
)

// Worker is one worker process in Status.
type Worker struct {
	Role        string `json:"role"`
	Slot        int    `json:"slot" metric:"-"`
	PID         int    `json:"pid" metric:"-"`
	Generation  uint32 `json:"generation" metric:"-"` // counts worker processes, from 1
	State       string `json:"state"`
	Block       uint64 `json:"block" metric:"-"`         // next block it will publish; 0 for a spare
	RenderAlloc uint64 `json:"render_allocs" metric:"-"` // heap objects allocated since its first block
	GCs         uint64 `json:"gcs" metric:"-"`           // garbage collections
	CPU         int    `json:"cpu" metric:"-"`           // that its render thread is pinned to; -1: any
	AgeNS       int64  `json:"age_ns"`                   // since it was started
	RSS         uint64 `json:"rss_bytes"`                // resident memory, shared regions included
	// PromotedBlock is the first block that it published since it was last
	// activated. 0: it published none, or began with block 0.
	PromotedBlock uint64 `json:"promoted_block" metric:"-"`
}

// Role of a worker at present, in Worker.Role.
const (
	RolePrimary = "primary" // its ring is read first
	RoleStandby = "standby" // renders in lockstep
	RoleSpare   = "spare"   // mapped and idle, or still starting
)

// State of a worker, in Worker.State.
const (
	WorkerStarting  = "starting"  // exec'd, not yet mapped and idle
	WorkerIdle      = "idle"      // a ready spare
	WorkerRestoring = "restoring" // activated, looking for a state to continue from
	WorkerRendering = "rendering"
	WorkerDead      = "dead" // known to be dead, not yet reaped
)

// Player is the player process in Status.
type Player struct {
	PID        int    `json:"pid" metric:"-"`
	Sched      string `json:"sched"`                 // "fifo" or "other"
	Generation uint32 `json:"generation" metric:"-"` // counts players, from 1; see player_restarts_total
	AgeNS      int64  `json:"age_ns"`                // since it was started
	RSS        uint64 `json:"rss_bytes"`             // as Worker.RSS
}

// Device is the sound device in Status, if the sink is one.
type Device struct {
	State     string `json:"state"`
	Name      string `json:"name,omitempty"`
	LatencyNS int64  `json:"latency_ns,omitempty"` // of its buffer, as the device reports it
	Why       string `json:"why,omitempty"`        // why there is no device
	// Server is the PulseAudio server that the engine was told to play on.
	Server string `json:"server,omitempty"`
	// Sink and Description are the names of the server's output that the stream
	// is on. `chronus status` asks the server for them; GET /status lacks them.
	Sink        string `json:"sink,omitempty"`
	Description string `json:"description,omitempty"`
}

// State of the sound device, in Device.State.
const (
	DevicePlaying = "playing" // it paces the engine
	DeviceWaiting = "waiting" // there is no device, or not yet: the clock paces
)

// Levels are the levels of the last second of sound over all channels, in dB of
// full scale: a sample of 1.0 has 0 dBFS, so a sine of full scale has a peak of
// 0 and an RMS of -3.01 dBFS. They are never below SilenceDBFS.
type Levels struct {
	PeakDBFS  float64 `json:"peak_dbfs"`
	RMSDBFS   float64 `json:"rms_dbfs"`
	NotFinite uint64  `json:"not_finite"` // samples that are NaN or infinite; neither level includes them
}

// SilenceDBFS is the level of silence, which JSON has no number for, and of
// everything quieter than it.
const SilenceDBFS = -200.0

// Callback describes the calls of the last second: how long they took, from
// entry to return, and how late they came. The percentiles are by nearest rank,
// so each is a time that was measured.
type Callback struct {
	Blocks    int   `json:"blocks" metric:"-"` // calls measured
	P50NS     int64 `json:"p50_ns"`
	P99NS     int64 `json:"p99_ns"`
	MaxNS     int64 `json:"max_ns"`
	LateP99NS int64 `json:"late_p99_ns"` // 0 while no grid defines when a call is due
	LateMaxNS int64 `json:"late_max_ns"`
}

// Failover holds the last figure of each kind. The engine cannot know when a
// death happened, only when it became known.
type Failover struct {
	TNS       int64  `json:"t_ns" metric:"-"`  // of the last switch, CLOCK_MONOTONIC; 0: none yet
	Block     uint64 `json:"block" metric:"-"` // the first block that came from Slot
	FromSlot  int    `json:"from_slot" metric:"-"`
	Slot      int    `json:"slot" metric:"-"`
	SwitchNS  int64  `json:"switch_ns"`  // the call that switched, from entry to return
	PromoteNS int64  `json:"promote_ns"` // from the last activation of a spare to its first block
	MendNS    int64  `json:"mend_ns"`    // from the first death known to as many workers and spares as before
	Mending   bool   `json:"mending"`    // the last death is not mended yet
}

// Sources is where a Status comes from. What the engine already holds in one of
// its sources becomes a field of the status by a line in Status and a line in
// Sources.Status.
type Sources struct {
	roster.Roster                // the shared regions
	Program       *dsp.Program   // reads the counters in the state after a block
	OSC           *osc.Server    // the address and the counters of the OSC port
	Dropped       *atomic.Uint64 // commands refused because the queue was full
	Router        *osc.Router    // counts the values out of range
	// Waiting returns the number of commands that wait and of those coalesced.
	Waiting func() (waiting int, coalesced uint64)
	// Inspect calls its argument once while no ring changes its owner.
	Inspect func(func(Processes))
	// TapeLacks returns how many of the blocks played are missing on the tape
	// and why the tape ended early, if it did. It is nil without a tape.
	TapeLacks         func(playout uint64) (missed uint64, failure string)
	Sink, Patch, Tape string    // as in Status
	Begun             time.Time // when the engine was started; zero until then

	measured measured
}

// Status assembles the status as it is now. Its caller must not call it from
// two goroutines at once.
func (s *Sources) Status() Status {
	var p Processes
	var workers []Worker
	s.Inspect(func(now Processes) { p, workers = now, s.workers(now.Workers) })
	player, geo := s.Player, &s.Host.Geo
	playout := player.Played()
	m := s.measure()
	for i := range workers {
		workers[i].RSS = m.resident(workers[i].PID)
	}
	waiting, coalesced := s.Waiting()
	buffer, _ := s.OSC.Buffer()
	st := Status{
		State:             StatePlaying,
		Rate:              int(geo.Rate),
		Frames:            int(geo.Frames),
		Channels:          int(geo.Channels),
		Lead:              int(geo.Lead),
		Replicas:          int(geo.Replicas),
		Spares:            geo.Spares(),
		Block:             playout,
		Sealed:            player.Exists(),
		Sink:              s.Sink,
		Device:            present(p.Device),
		OSC:               s.OSC.Addr(),
		Patch:             s.Patch,
		PID:               os.Getpid(),
		UptimeNS:          since(s.Begun),
		Workers:           workers,
		Failovers:         player.Switches.Load(),
		Restarts:          p.Restarted,
		LostFrames:        player.Lost.Load(),
		Xruns:             player.Xruns.Load(),
		XrunNS:            player.XrunNS.Load(),
		LateFailovers:     player.Late.Load(),
		HeardXruns:        player.Dry.Load(),
		Commands:          s.Host.Head.Load(),
		LateCommands:      m.late,
		DroppedCommands:   s.Dropped.Load(),
		LimitedFrames:     m.limited,
		BadPackets:        s.OSC.Bad.Load(),
		Packets:           s.OSC.Packets.Load(),
		KernelDrops:       s.OSC.KernelDrops(),
		WaitingCommands:   uint64(waiting),
		CoalescedCommands: coalesced,
		ClampedCommands:   s.Router.Clamped.Load(),
		WithheldAnswers:   s.OSC.Withheld.Load(),
		OSCBuffer:         buffer,
		Divergences:       player.Diverged.Load(),
		Goroutines:        runtime.NumGoroutine(),
		CallbackAllocs:    player.Allocs.Load(),
		PlayerGCs:         player.Collected.Load(),
		DriftPPM:          drift(player, geo),
		Player: Player{
			PID: p.Player.PID, Sched: "other", Generation: p.Player.Generation, RSS: m.resident(p.Player.PID),
		},
		Tape:         s.Tape,
		SinkMissed:   player.Unwritten.Load(),
		LatencyNS:    due(int64(geo.Lead), geo),
		Levels:       m.levels,
		Callback:     m.callback,
		LastFailover: present(p.Failover),
	}
	switch {
	case p.Stopping:
		st.State = StateStopping
	case playout == 0:
		st.State = StateStarting
	}
	if player.Fifo.Load() != 0 {
		st.Player.Sched = "fifo"
	}
	if p.Player.State != process.Free {
		st.Player.AgeNS = since(p.Player.Begun)
	}
	if s.TapeLacks != nil {
		st.TapeMissed, st.TapeError = s.TapeLacks(playout)
	}
	return st
}

// Late returns the late commands as Status does, without the rest of it.
func (s *Sources) Late() uint64 {
	s.count()
	return s.measured.late
}

// workers returns the worker processes there are, by role, then slot.
func (s *Sources) workers(slots []process.Info) []Worker {
	all := []Worker{}
	for slot, p := range slots {
		if p.State == process.Free || p.State == process.Exited {
			continue
		}
		r := s.Rings[slot]
		all = append(all, Worker{
			Role:          RoleOf(&s.Roster, slot),
			Slot:          slot,
			PID:           p.PID,
			Generation:    p.Generation,
			State:         workerState(p.State, r.State.Load()),
			Block:         s.Claims(slot, s.Player.Exists()),
			RenderAlloc:   r.Allocs.Load(),
			GCs:           r.Collected.Load(),
			CPU:           int(r.CPU.Load()),
			AgeNS:         since(p.Begun),
			PromotedBlock: r.FirstAt.Load(),
		})
	}
	order := []string{RolePrimary, RoleStandby, RoleSpare}
	slices.SortStableFunc(all, func(a, b Worker) int {
		return cmp.Compare(slices.Index(order, a.Role), slices.Index(order, b.Role))
	})
	return all
}

// metricsOfStatus are the metrics that are one number of the Status. Those with
// labels are in metrics.go.
var metricsOfStatus = []metric{
	counter("blocks_total", "Blocks handed to the sink.",
		func(st *Status) uint64 { return st.Block }),
	counter("sealed_blocks_total", "Blocks whose commands are decided.",
		func(st *Status) uint64 { return st.Sealed }),
	counter("lost_frames_total", "Frames for which no worker had the sound when it was due.",
		func(st *Status) uint64 { return st.LostFrames }),
	counter("limited_frames_total", "Frames in which the limiter at the output had to act.",
		func(st *Status) uint64 { return st.LimitedFrames }),
	counter("failovers_total", "Times that the callback began to read another worker's ring first.",
		func(st *Status) uint64 { return st.Failovers }),
	counter("late_failovers_total", "Failovers from a worker that was alive, only later than another.",
		func(st *Status) uint64 { return st.LateFailovers }),
	counter("restarts_total", "Workers started in place of one that died.",
		func(st *Status) uint64 { return st.Restarts }),
	counter("player_restarts_total", "Players started in place of one that died.",
		func(st *Status) uint64 { return uint64(max(st.Player.Generation, 1) - 1) }),
	counter("divergences_total", "Blocks for which two workers made different bits.",
		func(st *Status) uint64 { return st.Divergences }),
	counter("xruns_total", "Callbacks later than the lead, after which the grid was anchored anew.",
		func(st *Status) uint64 { return st.Xruns }),
	counter("heard_xruns_total", "Gaps that the sound device reported: it had nothing left to play.",
		func(st *Status) uint64 { return st.HeardXruns }),
	counterOf("xrun_seconds_total", "Time skipped by xruns.",
		func(st *Status) float64 { return float64(st.XrunNS) / 1e9 }),
	counter("commands_total", "Commands taken into the log.",
		func(st *Status) uint64 { return st.Commands }),
	counter("late_commands_total", "Timed commands that came after their frame and acted at once.",
		func(st *Status) uint64 { return st.LateCommands }),
	counter("dropped_commands_total", "Commands refused because the queue was full.",
		func(st *Status) uint64 { return st.DroppedCommands }),
	counter("bad_packets_total",
		"OSC packets that were malformed, named an unknown address or had a bad argument.",
		func(st *Status) uint64 { return st.BadPackets }),
	counter("packets_total", "OSC datagrams received, bad ones included.",
		func(st *Status) uint64 { return st.Packets }),
	counter("kernel_drops_total",
		"OSC datagrams that the kernel dropped because the receive buffer was full.",
		func(st *Status) uint64 { return st.KernelDrops }),
	counter("coalesced_commands_total",
		"Commands superseded, in a full queue, by a later value for the same frame.",
		func(st *Status) uint64 { return st.CoalescedCommands }),
	counter("clamped_commands_total", "Commands with a value outside the parameter's range.",
		func(st *Status) uint64 { return st.ClampedCommands }),
	counter("withheld_answers_total", "Answers to OSC questions withheld beyond ten per second.",
		func(st *Status) uint64 { return st.WithheldAnswers }),
	gauge("waiting_commands", "Commands that wait for room in the log or for their time.",
		func(st *Status) float64 { return float64(st.WaitingCommands) }),
	gauge("osc_buffer_bytes", "OSC receive buffer that the kernel granted.",
		func(st *Status) float64 { return float64(st.OSCBuffer) }),
	counter("callback_allocated_objects_total",
		"Heap objects that the player has allocated since it settled.",
		func(st *Status) uint64 { return st.CallbackAllocs }),
	counter("player_collections_total",
		"Garbage collections in the player, each of which would stop its callback.",
		func(st *Status) uint64 { return st.PlayerGCs }),
	counter("tape_missed_blocks_total", "Blocks missing on the tape because the disk was too slow.",
		func(st *Status) uint64 { return st.TapeMissed }),
	counter("sink_missed_blocks_total",
		"Blocks that a sound file lacks because the disk was too slow or too full.",
		func(st *Status) uint64 { return st.SinkMissed }),

	gauge("uptime_seconds", "Time since the engine was started.",
		func(st *Status) float64 { return seconds(st.UptimeNS) }),
	gauge("rate_hertz", "Sample rate.",
		func(st *Status) float64 { return float64(st.Rate) }),
	gauge("block_frames", "Frames per block.",
		func(st *Status) float64 { return float64(st.Frames) }),
	gauge("channels", "Channels of the output.",
		func(st *Status) float64 { return float64(st.Channels) }),
	gauge("lead_blocks", "Blocks sealed ahead of playout.",
		func(st *Status) float64 { return float64(st.Lead) }),
	gauge("latency_seconds",
		"Time from a block's seal, which takes the commands received so far, to its playout.",
		func(st *Status) float64 { return seconds(st.LatencyNS) }),
	gauge("replicas", "Workers that should render.",
		func(st *Status) float64 { return float64(st.Replicas) }),
	gauge("spares", "Idle workers that should stand by behind them.",
		func(st *Status) float64 { return float64(st.Spares) }),
	gauge("drift_ratio", "How much slower than its grid the player was called since the last anchor.",
		func(st *Status) float64 { return st.DriftPPM / 1e6 }),
	gauge("device_playing", "1 while a sound device paces the engine, 0 while the clock does.",
		func(st *Status) float64 { return oneIf(st.Device != nil && st.Device.State == DevicePlaying) }),
	gauge("device_latency_seconds",
		"Time that the sound device's buffer holds, as the device reports it; 0 without a device.",
		func(st *Status) float64 {
			if st.Device == nil {
				return 0
			}
			return seconds(st.Device.LatencyNS)
		}),
	gauge("player_realtime", "1 if the player runs under SCHED_FIFO.",
		func(st *Status) float64 { return oneIf(st.Player.Sched == "fifo") }),
	gauge("player_age_seconds", "Time since the player's process was started.",
		func(st *Status) float64 { return seconds(st.Player.AgeNS) }),

	ofLevels("output_peak_dbfs", "Peak of the last second, dB of full scale; -200 is silence.",
		func(l *Levels) float64 { return l.PeakDBFS }),
	ofLevels("output_rms_dbfs", "RMS of the last second, dB of full scale; -200 is silence.",
		func(l *Levels) float64 { return l.RMSDBFS }),
	ofLevels("output_not_finite_samples", "Samples of the last second that are NaN or infinite.",
		func(l *Levels) float64 { return float64(l.NotFinite) }),

	ofCallback("callback_p50_seconds", "Time from entry to return of the last second's calls, median.",
		func(c *Callback) int64 { return c.P50NS }),
	ofCallback("callback_p99_seconds",
		"Time from entry to return of the last second's calls, 99th percentile.",
		func(c *Callback) int64 { return c.P99NS }),
	ofCallback("callback_max_seconds", "Time from entry to return of the last second's calls, longest.",
		func(c *Callback) int64 { return c.MaxNS }),
	ofCallback("callback_late_p99_seconds", "How late the last second's calls came, 99th percentile.",
		func(c *Callback) int64 { return c.LateP99NS }),
	ofCallback("callback_late_max_seconds", "How late the last second's calls came, latest.",
		func(c *Callback) int64 { return c.LateMaxNS }),

	ofFailover("last_switch_seconds",
		"Time from entry to return of the last call that began to read another ring first.",
		func(f *Failover) int64 { return f.SwitchNS }),
	ofFailover("last_promote_seconds", "Time from the last activation of a spare to its first block.",
		func(f *Failover) int64 { return f.PromoteNS }),
	ofFailover("last_mend_seconds", "Time from the last death known to full redundancy.",
		func(f *Failover) int64 { return f.MendNS }),
}
