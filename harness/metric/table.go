package metric

import (
	"chronus/harness/expect"
	"chronus/harness/listener"
	"chronus/harness/oracle"
	"chronus/harness/record"
)

// Names of the metrics, besides the assertions of the oracle, which keep their
// names.
const (
	Detect     = "detect"
	Switch     = "switch"
	Failover   = "failover"
	Silence    = "silence"
	Promote    = "promote"
	Spawn      = "spawn"
	FirstBlock = "first-block"
	Mend       = "mend"
	Exit       = "exit"
	Command    = "command"
	CommandIn  = "command-delay"
	FloorPidfd = "floor-pidfd"
	FloorExec  = "floor-exec"
	InjectLate = "inject-late"

	// From just before kill(2) until the harness has the event that reports it:
	// the outer bound of the engine's own time.
	DetectSeen  = "detect-seen"
	SwitchSeen  = "switch-seen"
	PromoteSeen = "promote-seen"
	SpawnSeen   = "spawn-seen"
	MendSeen    = "mend-seen"

	MendRatio = "mend-x-exec"

	Start = "start-ns"
	Stop  = "stop-ns"

	LostFrames = oracle.LostFrames
	Truth      = "truth"

	ListenerLost     = "listener-lost-frames"
	ListenerWrong    = "listener-wrong-frames"
	ListenerDry      = "listener-dry-frames"
	ListenerCompared = "listener-compared"

	EventErrors     = expect.EventErrors
	UnorderedDeaths = expect.UnorderedDeaths
	TimestampErrors = expect.TimestampErrors
	RingReuse       = expect.RingReuse
	MissedPoints    = "missed-points"
	StatusErrors    = "status-errors"
	EngineErrors    = "engine-errors"
	Leftovers       = "leftovers"

	LeakedFDs        = "leaked-fds"
	LeakedMemfds     = "leaked-memfds"
	LeakedSockets    = "leaked-sockets"
	LeakedThreads    = "leaked-threads"
	LeakedGoroutines = "leaked-goroutines"
	LeakedProcs      = "leaked-procs"
	LeakedRSS        = "leaked-rss-bytes"
	Allocs           = "allocs"
	Collections      = "collections"
	HostAllocs       = "host-allocs-per-sec"
	HostPauses       = "host-gc-pauses"
	HostPauseMax     = "host-gc-pause-max-sec"

	LateSwitches    = "late-switches"
	LatePromotions  = "late-promotions"
	Xruns           = "xruns"
	XrunTime        = "xrun-sec"
	Drift           = "abs-drift-ppm"
	CallbackP99     = "callback-p99-ns"
	CallbackMax     = "callback-max-ns"
	FailoverCallMax = "failover-callback-max-ns"
	EntryLateP99    = "entry-late-p99-sec"
	FloorLateP99    = "floor-late-p99-sec"
	FloorLateMax    = "floor-late-max-sec"
)

// The time of some metrics may be 0, so they are in seconds: benchstat leaves a
// 0 in ns as it is and splits its table there.
var table = []Metric{
	sampled(Detect, "ns", Bounded, tenth, detect,
		"from just before kill(2) until the host knows: worker_down or worker_hung, for SIGTERM also the leave notice"),
	sampled(DetectSeen, "ns", Outside, never, detectSeen,
		"from just before kill(2) until the harness has that event: no detection took longer"),
	sampled(Switch, "ns", Bounded, tenth, switched,
		"from entry to return of the callback call that first read another ring"),
	sampled(SwitchSeen, "ns", Outside, never, switchSeen,
		"from just before kill(2) until the harness has the switched event"),
	sampled(Failover, "ns", OnTape, tenth, failover,
		"from just before kill(2) to the return of the first callback call since then that delivered a block of a worker that was not hit"),
	sampled(Silence, "ns", OnTape, quarter, silence,
		"from just before the kill(2) of a player to the entry of the first callback call of its successor that delivered a block"),
	sampled(Promote, "ns", Bounded, tenth, promote,
		"from the activation of a spare until it has published its first block"),
	sampled(PromoteSeen, "ns", Outside, never, promoteSeen,
		"from just before kill(2) until the harness has the worker_promoted event"),
	starting(Spawn, "ns", Bounded, tenth, spawn,
		"from exec of a worker until it is mapped and idle"),
	sampled(SpawnSeen, "ns", Outside, never, spawnSeen,
		"from just before kill(2) until the harness has the worker_ready event"),
	chance(starting(FirstBlock, "ns", Bounded, tenth, firstBlock,
		"from exec of a worker to its first block, where no spare was ready")),
	starting(Mend, "ns", Bounded, tenth, mend,
		"from just before kill(2) until full redundancy is back, spares included"),
	sampled(MendSeen, "ns", Outside, never, mendSeen,
		"from just before kill(2) until the harness has the redundancy_restored event"),
	sampled(Exit, "ns", Outside, quarter, exit,
		"from just before kill(2) until the victim's pidfd reports its death"),
	series(Command, "ns", OnTape, tenth, commands,
		"from sending a datagram to the entry of the callback that delivers the first block with its effect"),
	series(CommandIn, "blocks", OnTape, never, commandBlocks,
		"the same in blocks of this engine: at least the lead, and up to one block more for the seal"),
	sampled(FloorPidfd, "ns", Floors, never, floorPidfd,
		"the floor: from kill(2) of a trivial process until its pidfd is readable"),
	sampled(FloorExec, "ns", Floors, never, floorExec,
		"the floor: from fork and exec of a trivial child until it is about to run its first instruction"),
	sampled(InjectLate, "sec", Outside, never, injectLate,
		"the injector's own lateness: from when a fault was due until just before kill(2)"),

	truth(oracle.LostFrames, "frames of blocks that no ring had in time"),
	truth(oracle.WrongFrames, "delivered frames that differ in any bit from the reference render, or between tape and sink"),
	truth(oracle.ReplicasDisagree, "blocks for which two replicas had different checksums"),
	truth(oracle.DupBlocks, "blocks delivered more than once"),
	truth(oracle.GapBlocks, "blocks due and never delivered"),
	truth(oracle.RewoundBlocks, "delivered blocks whose state was abandoned afterwards"),
	truth(oracle.SealLead, "blocks at whose end not exactly the lead was sealed ahead"),
	truth(oracle.ClosedForm, "frames more than one float32 ulp from the sine that the harness computes by itself"),
	truth(oracle.Compared, "frames due that were not compared with the truth; 1 when nothing was"),
	truth(oracle.Tape, "tape records that are damaged, missing at the end, or contradict each other"),
	truth(oracle.WAVLength, "frames that the sink's file has too few or too many"),
	truth(oracle.CommandsLost, "commands that were sent and are missing in the log or in the sound"),
	truth(oracle.CommandsDup, "commands found again in the log or in the sound"),
	truth(oracle.CommandsMisorder, "commands found after one that was sent later"),
	truth(oracle.CommandsUnknown, "values in the log or in the sound that were never sent"),
	truth(oracle.CommandsOffEdge, "blocks in which a commanded value changes after the first frame"),
	found(Truth, Truths, "engine processes for which the truth could not be established at all"),

	count(ListenerLost, 0, Heard, heard(func(h *listener.Heard) int { return h.Missing }),
		"frames that a device was given and its listener did not hear, from the first fault on at the latest"),
	count(ListenerWrong, 0, Heard, heard((*listener.Heard).Faults),
		"frames that a device's listener heard altered, again, out of order, or without their having been delivered"),
	value(ListenerDry, Unlimited, Heard, never, heard(func(h *listener.Heard) int { return h.Dry }),
		"frames of silence amid what a device's listener heard: the sound server had nothing to play"),
	{
		Name: ListenerCompared, Better: "higher", Limit: Unlimited, Worse: never, Source: Heard,
		Value: heard(func(h *listener.Heard) int { return h.Compared }),
		Doc:   "frames that a device's listener heard as they were delivered, bit for bit on both channels",
	},

	found(EventErrors, Events, "events that a fault had to cause and did not, or caused and must not"),
	found(UnorderedDeaths, Events, "deaths and hangs that no fault ordered"),
	found(TimestampErrors, Outside, "times reported by the engine that do not lie between the kill and the receipt of the event"),
	found(RingReuse, Outside, "rings given to a new worker before the death of their last one was certain"),
	found(MissedPoints, Outside, "failpoints that were armed and not passed, or listed and not armed"),
	found(StatusErrors, Truths, "figures of the engine's own status that contradict what was found from outside"),
	found(EngineErrors, Outside, "times the engine did not start, answer, mend or end as it must"),
	found(Leftovers, Proc, "processes, sockets and memfds left behind by an engine that ended"),

	count(LeakedFDs, 0, Proc, leaked(ofProcess(func(u record.Usage) int64 { return int64(u.FDs) })),
		"rise of open descriptors between settled points, the largest of any process"),
	count(LeakedMemfds, 0, Proc, leaked(ofProcess(func(u record.Usage) int64 { return int64(u.Memfds) })),
		"rise of memfds between settled points, the largest of any process"),
	count(LeakedSockets, 0, Proc, leaked(ofProcess(func(u record.Usage) int64 { return int64(u.Sockets) })),
		"rise of sockets between settled points, the largest of any process"),
	value(LeakedThreads, 3, Proc, never, leaked(ofProcess(func(u record.Usage) int64 { return int64(u.Threads) })),
		"rise of threads between settled points, the largest of any process; Go's runtime never ends a thread it started"),
	count(LeakedGoroutines, 0, Own, leaked(func(h record.Holdings) []int64 { return []int64{int64(h.Goroutines)} }),
		"rise of the host's goroutines between settled points"),
	count(LeakedProcs, 0, Proc, leaked(func(h record.Holdings) []int64 { return []int64{int64(h.Procs)} }),
		"rise of the number of the engine's processes between settled points"),
	value(LeakedRSS, 16<<20, Proc, never, leaked(ofProcess(func(u record.Usage) int64 { return u.RSS })),
		"rise of resident memory between settled points, the largest of any process"),
	count(Allocs, 0, Own, heaps(func(h record.Heap) uint64 { return h.Allocs }),
		"heap objects allocated by players and workers once they have settled; of those that died, by the last reading"),
	count(Collections, 0, Own, heaps(func(h record.Heap) uint64 { return h.GCs }),
		"garbage collections in players and workers, each of which has pauses"),
	value(HostAllocs, Unlimited, Own, half, hostAllocs,
		"heap objects that the host allocates per second, for the harness's requests among others"),
	value(HostPauses, Unlimited, Own, never, hostPauses,
		"pauses of the host's garbage collector from the first to the last cycle"),
	value(HostPauseMax, Unlimited, Own, never, hostPauseMax,
		"the longest of the host's pauses since it was started"),

	value(MendRatio, Unlimited, Bounded, quarter, mendRatio,
		"the median mend as a multiple of the floor's median exec"),
	value(Start, Unlimited, OnTape, quarter, start,
		"from exec of the host to the entry of the callback that delivers the first block"),
	value(Stop, Unlimited, Outside, quarter, stop,
		"from SIGTERM to the host until it was reaped, with all files written"),
	value(LateSwitches, Unlimited, Events, half, lateSwitches,
		"switches away from a live worker whose ring did not have the block in time"),
	value(LatePromotions, Unlimited, Events, half, latePromotions,
		"spares activated for a worker that was late and not dead"),
	value(Xruns, Unlimited, Events, never, xruns,
		"callbacks that were later than the lead"),
	value(XrunTime, Unlimited, Events, never, xrunTime,
		"time skipped at xruns"),
	value(Drift, 1000, OnTape, never, drift,
		"absolute Theil-Sen slope of block number against callback entry, between re-anchors"),
	value(CallbackP99, Unlimited, OnTape, quarter, callbackP99,
		"from entry to return of a callback call"),
	value(CallbackMax, Unlimited, OnTape, never, callbackMax,
		"the longest callback call"),
	chance(value(FailoverCallMax, Unlimited, OnTape, never, failoverCallMax,
		"the longest callback call among those that switched")),
	value(EntryLateP99, Unlimited, OnTape, never, entryLateP99,
		"entry of a callback behind its grid: the machine's lateness"),
	value(FloorLateP99, Unlimited, Floors, never, floorLateP99,
		"the floor: lateness of a bare sleep to an absolute time"),
	value(FloorLateMax, Unlimited, Floors, never, floorLateMax,
		"the floor: the latest of those sleeps"),
}
