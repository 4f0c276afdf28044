package report

import (
	"fmt"
	"math"
	"strings"
	"sync"

	"golang.org/x/perf/benchunit"

	"chronus/harness/oracle"
)

// Metric is one row of the table of metrics.
type Metric struct {
	// Name of the metric. One that has a Limit is an assertion of that name.
	Name string
	// Unit of a metric that is sampled; runs.txt has its p50 and p99 as <name>-p50-<unit> and <name>-p99-<unit>. Empty: one
	// value for each engine process, whose unit in runs.txt is the name itself.
	Unit string
	// Better is "lower" or "higher".
	Better string
	// Exact: repeating it adds no confidence, benchstat shows it as it is.
	Exact bool
	// Limit is the most that one engine process may have; Unlimited: it is reported, not judged.
	Limit float64
	// Worse is the share of the old median by which a significant change for the worse fails a comparison; 0: none ever does.
	// Of a metric that is sampled, this goes for the p50: the p99 of a few dozen samples is for looking at.
	Worse float64
	// Found: it counts findings, so where there are none it is 0. Any other metric that was not set was not measured.
	Found bool
	// Source says who measures it.
	Source Source
	// Doc says in one sentence what is measured, from where to where.
	Doc string
}

// Source is who measures a metric and with which clock.
type Source string

// The sources. What the engine says of its own times counts only between bounds that the harness saw itself.
const (
	Bounded Source = "engine, between kill and receipt"
	Outside Source = "harness, from outside"
	OnTape  Source = "tape"
	Truths  Source = "tape and sound"
	Heard   Source = "tape and listener"
	Events  Source = "events"
	Proc    Source = "/proc"
	Own     Source = "engine's own count"
	Floors  Source = "floor process"
)

// Unlimited is the Limit of a metric that is not judged.
var Unlimited = math.Inf(1)

// Names of the metrics that the rest of the harness sets, besides the assertions of the oracle, which keep their names. All
// are better when lower.
const (
	Detect     = "detect"
	Switch     = "switch"
	Failover   = "failover"
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

	// From just before kill(2) until the harness has the event that tells it: the outer bound of the engine's own time.
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

	EventErrors     = "event-errors"
	UnorderedDeaths = "unordered-deaths"
	TimestampErrors = "timestamp-errors"
	RingReuse       = "ring-reuse"
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

// A tenth is what the medians of ten processes a side can tell apart on a machine that is shared; a quarter where the kernel or
// the tail of a distribution has the greater part.
const (
	tenth   = 0.10
	quarter = 0.25
	half    = 0.50
	never   = 0.0
)

// The time of some metrics may be 0, so they are in seconds: benchstat leaves a 0 in ns as it is and splits its table there.
var metrics = []Metric{
	sampled(Detect, "ns", Bounded, tenth, "just before kill(2) until the host knows: worker_down or worker_hung, for SIGTERM also the leave notice"),
	sampled(DetectSeen, "ns", Outside, never, "just before kill(2) until the harness has that event: no detection took longer"),
	sampled(Switch, "ns", Bounded, tenth, "entry until return of the callback call that first read another ring"),
	sampled(SwitchSeen, "ns", Outside, never, "just before kill(2) until the harness has the switched event"),
	sampled(Failover, "ns", OnTape, tenth, "just before kill(2) until the return of the first callback call since then that delivered a block of a worker that was not hit"),
	sampled(Promote, "ns", Bounded, tenth, "a spare is activated until it has published its first block"),
	sampled(PromoteSeen, "ns", Outside, never, "just before kill(2) until the harness has the worker_promoted event"),
	sampled(Spawn, "ns", Bounded, tenth, "exec of a worker until it is mapped and idle"),
	sampled(SpawnSeen, "ns", Outside, never, "just before kill(2) until the harness has the worker_ready event"),
	sampled(FirstBlock, "ns", Bounded, tenth, "exec of a worker until its first block, where no spare was ready"),
	sampled(Mend, "ns", Bounded, tenth, "just before kill(2) until full redundancy again, spares included"),
	sampled(MendSeen, "ns", Outside, never, "just before kill(2) until the harness has the redundancy_restored event"),
	sampled(Exit, "ns", Outside, quarter, "just before kill(2) until the victim's pidfd says dead"),
	sampled(Command, "ns", OnTape, tenth, "datagram sent until the entry of the callback that delivers the first block with its effect"),
	sampled(CommandIn, "blocks", OnTape, never, "the same in blocks of this engine: the lead is what it has to be, a block more for the seal what it may be"),
	sampled(FloorPidfd, "ns", Floors, never, "the floor: kill(2) of a trivial process until its pidfd is readable"),
	sampled(FloorExec, "ns", Floors, never, "the floor: fork and exec of a trivial child until it stands before its first instruction"),
	sampled(InjectLate, "sec", Outside, never, "the injector's own lateness: when a fault was due until just before kill(2)"),

	count(oracle.LostFrames, 0, Truths, "frames of blocks that no ring had in time"),
	count(oracle.WrongFrames, 0, Truths, "delivered frames that differ in any bit from the reference render, or between tape and sink"),
	count(oracle.ReplicasDisagree, 0, Truths, "blocks of which two replicas had different checksums"),
	count(oracle.DupBlocks, 0, Truths, "blocks delivered more than once"),
	count(oracle.GapBlocks, 0, Truths, "blocks due and never delivered"),
	count(oracle.RewoundBlocks, 0, Truths, "delivered blocks whose state was given up afterwards"),
	count(oracle.SealLead, 0, Truths, "blocks at whose end not exactly the lead was sealed ahead"),
	count(oracle.ClosedForm, 0, Truths, "frames over one float32 ulp from the sine that arithmetic of the harness's own gives"),
	count(oracle.Compared, 0, Truths, "frames due that were not compared with the truth; 1 when nothing was"),
	count(oracle.Tape, 0, Truths, "tape records that are damaged, missing at the end, or contradict each other"),
	count(oracle.WAVLength, 0, Truths, "frames that the sink's file has too few or too many"),
	count(oracle.CommandsLost, 0, Truths, "commands that were sent and are missing in the log or in the sound"),
	count(oracle.CommandsDup, 0, Truths, "commands found again in the log or in the sound"),
	count(oracle.CommandsMisorder, 0, Truths, "commands found after one that was sent later"),
	count(oracle.CommandsUnknown, 0, Truths, "values in the log or in the sound that nobody sent"),
	count(oracle.CommandsOffEdge, 0, Truths, "blocks in which a commanded value changes after the first frame"),
	found(Truth, Truths, "runs of which the truth could not be told at all"),

	count(ListenerLost, 0, Heard, "frames that a device was given and that its listener did not hear, from the first fault on at the latest"),
	count(ListenerWrong, 0, Heard, "frames that a device's listener heard altered, again, out of their order, or that nobody delivered"),
	value(ListenerDry, Unlimited, Heard, never, "frames of silence amid what a device's listener heard: the sound server had nothing to play"),
	{Name: ListenerCompared, Better: "higher", Limit: Unlimited, Worse: never, Source: Heard, Doc: "frames that a device's listener heard as they were delivered, bit for bit on both channels"},

	found(EventErrors, Events, "events that a fault had to cause and did not, or caused and must not"),
	found(UnorderedDeaths, Events, "deaths and hangs that no fault ordered"),
	found(TimestampErrors, Outside, "times the engine reports that do not lie between the kill and the receipt of the event"),
	found(RingReuse, Outside, "rings given to a new worker before the death of their last one was certain"),
	found(MissedPoints, Outside, "failpoints that were armed and not passed, or listed and not armed"),
	found(StatusErrors, Truths, "figures of the engine's own status that contradict what was found from outside"),
	found(EngineErrors, Outside, "times the engine did not start, answer, mend or end as it must"),
	found(Leftovers, Proc, "processes, sockets and memfds left behind by an engine that ended"),

	count(LeakedFDs, 0, Proc, "rise of open descriptors between settled points, the most of any process"),
	count(LeakedMemfds, 0, Proc, "rise of memfds between settled points, the most of any process"),
	count(LeakedSockets, 0, Proc, "rise of sockets between settled points, the most of any process"),
	value(LeakedThreads, 3, Proc, never, "rise of threads between settled points, the most of any process; Go's runtime never ends a thread it started"),
	count(LeakedGoroutines, 0, Own, "rise of the host's goroutines between settled points"),
	count(LeakedProcs, 0, Proc, "rise of the engine's processes between settled points"),
	value(LeakedRSS, 16<<20, Proc, never, "rise of resident memory between settled points, the most of any process"),
	count(Allocs, 0, Own, "heap objects allocated by players and workers once they have settled, of those that died the last reading"),
	count(Collections, 0, Own, "garbage collections in players and workers, of which each has pauses"),
	value(HostAllocs, Unlimited, Own, half, "heap objects that the host allocates in a second, the harness's questions among them"),
	value(HostPauses, Unlimited, Own, never, "pauses of the host's garbage collector from the first to the last cycle"),
	value(HostPauseMax, Unlimited, Own, never, "the longest of the host's pauses since it was started"),

	value(MendRatio, Unlimited, Bounded, quarter, "the median mend as a multiple of the floor's median exec"),
	value(Start, Unlimited, OnTape, quarter, "exec of the host until the entry of the callback that delivers the first block"),
	value(Stop, Unlimited, Outside, quarter, "SIGTERM to the host until it was reaped, all files written"),
	value(LateSwitches, Unlimited, Events, half, "switches away from a live worker whose ring did not have the block in time"),
	value(LatePromotions, Unlimited, Events, half, "spares activated for a worker that was late and not dead"),
	value(Xruns, Unlimited, Events, never, "callbacks that were later than the lead"),
	value(XrunTime, Unlimited, Events, never, "time skipped at xruns"),
	value(Drift, 1000, OnTape, never, "absolute Theil-Sen slope of block number against callback entry, between re-anchors"),
	value(CallbackP99, Unlimited, OnTape, quarter, "entry until return of a callback call"),
	value(CallbackMax, Unlimited, OnTape, never, "the longest callback call"),
	value(FailoverCallMax, Unlimited, OnTape, never, "the longest callback call among those that switched"),
	value(EntryLateP99, Unlimited, OnTape, never, "entry of a callback behind its grid: the machine's lateness"),
	value(FloorLateP99, Unlimited, Floors, never, "the floor: lateness of a bare sleep to an absolute time"),
	value(FloorLateMax, Unlimited, Floors, never, "the floor: the latest of those sleeps"),
}

const lower = "lower"

// sampled is a time of each fault, or of each command.
func sampled(name, unit string, source Source, worse float64, doc string) Metric {
	return Metric{Name: name, Unit: unit, Better: lower, Limit: Unlimited, Worse: worse, Source: source, Doc: doc}
}

// count is a number that must be the same however often it is taken.
func count(name string, limit float64, source Source, doc string) Metric {
	return Metric{Name: name, Better: lower, Exact: true, Limit: limit, Source: source, Doc: doc}
}

// found is a count of findings, of which there must be none.
func found(name string, source Source, doc string) Metric {
	return Metric{Name: name, Better: lower, Exact: true, Found: true, Source: source, Doc: doc}
}

// value is one figure of an engine process, which differs from one to the next.
func value(name string, limit float64, source Source, worse float64, doc string) Metric {
	return Metric{Name: name, Better: lower, Limit: limit, Worse: worse, Source: source, Doc: doc}
}

// Metrics is the whole table, in the order of the reports.
func Metrics() []Metric { return metrics }

// Lookup finds a metric by its name.
func Lookup(name string) (Metric, bool) {
	for _, m := range metrics {
		if m.Name == name {
			return m, true
		}
	}
	return Metric{}, false
}

// Judged says whether the metric is an assertion.
func (m Metric) Judged() bool { return !math.IsInf(m.Limit, 1) }

// Of finds the metric that a column of runs.txt belongs to, by its unit as benchfmt reads it: with ns tidied to sec. median says
// that Worse goes for the column: it is the p50 of a metric that is sampled, or the value of one that is not.
func Of(unit string) (m Metric, median, ok bool) {
	c, ok := columnByUnit()[unit]
	return c.metric, c.median, ok
}

type column struct {
	metric Metric
	median bool
}

var columnByUnit = sync.OnceValue(func() map[string]column {
	all := map[string]column{}
	for _, m := range metrics {
		for i, u := range m.Units() {
			_, tidy := benchunit.Tidy(1, u)
			all[tidy] = column{m, i == 0}
		}
	}
	return all
})

// Units are the units that the metric has in runs.txt.
func (m Metric) Units() []string {
	if m.Unit == "" {
		return []string{m.Name}
	}
	return []string{m.Name + "-p50-" + m.Unit, m.Name + "-p99-" + m.Unit}
}

// Budget is a limit that a scenario sets on a sampled metric, judged on the median of its engine processes.
type Budget struct {
	Metric string
	Kind   BudgetKind
}

// BudgetKind says what of a metric a Budget limits.
type BudgetKind int

const (
	// Absolute limits the p50 in the metric's unit; it is only judged under SCHED_FIFO, for times do not travel.
	Absolute BudgetKind = iota
	// TimesFloor limits the p50 as a multiple of the floor's: of its exec for what starts a process, of its pidfd for all else.
	TimesFloor
	// PastLead limits the p99, in the metric's unit (ns), less the engine's lead and one block, which no command can do without at
	// worst; it is only judged under SCHED_FIFO.
	PastLead
	// BeyondBlock limits the share of samples longer than a block, less the floor's own share.
	BeyondBlock
)

// Floor is the metric of the floor that a TimesFloor budget is a multiple of.
func (b Budget) Floor() string {
	switch b.Metric {
	case Spawn, FirstBlock, Mend:
		return FloorExec
	}
	return FloorPidfd
}

// Travels says whether a budget means the same on every machine and in every scheduling class.
func (k BudgetKind) Travels() bool { return k == TimesFloor || k == BeyondBlock }

// ParseBudget reads the name of a budget: <metric>-p50-<unit>, <metric>-x-floor, <metric>-beyond-block or <metric>-past-lead-ns.
func ParseBudget(name string) (Budget, bool) {
	for _, m := range metrics {
		if rest, ok := strings.CutPrefix(name, m.Name+"-"); ok && m.Unit != "" {
			switch rest {
			case "p50-" + m.Unit:
				return Budget{m.Name, Absolute}, true
			case "x-floor":
				return Budget{m.Name, TimesFloor}, true
			case "past-lead-" + m.Unit:
				return Budget{m.Name, PastLead}, m.Unit == "ns"
			case "beyond-block":
				return Budget{m.Name, BeyondBlock}, true
			}
		}
	}
	return Budget{}, false
}

// Text is a value of the metric as people read it.
func (m Metric) Text(v float64) string {
	switch unit := m.Name + "-" + m.Unit; {
	case math.IsNaN(v):
		return "-"
	case strings.HasSuffix(unit, "-ns") || strings.HasSuffix(m.Name, "-ns"):
		return fmt.Sprintf("%.2f ms", v/1e6)
	case strings.HasSuffix(unit, "-sec") || strings.HasSuffix(m.Name, "-sec"):
		return fmt.Sprintf("%.2f ms", v*1e3)
	case strings.HasSuffix(m.Name, "-bytes"):
		return fmt.Sprintf("%.1f MiB", v/(1<<20))
	case strings.HasSuffix(m.Name, "-ppm"):
		return fmt.Sprintf("%.1f ppm", v)
	}
	return number(v)
}
