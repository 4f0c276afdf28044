package report

import (
	"math"
	"strings"

	"chronus/harness/oracle"
)

// Metric is one row of the table of metrics.
type Metric struct {
	// Name of the metric. One that has a Limit is an assertion of that name.
	Name string
	// Unit of a metric that is sampled; runs.txt has its p50 and p99 as <name>-p50-<unit> and <name>-p99-<unit>. Empty: one
	// value for each engine process, whose unit in runs.txt is the name itself.
	Unit string
	// Limit is the most that one engine process may have; Unlimited: it is reported, not judged.
	Limit float64
	// Exact: repeating it adds no confidence, benchstat shows it as it is.
	Exact bool
	// Found: it counts findings, so where there are none it is 0. Any other metric that was not set was not measured.
	Found bool
	// Doc says in one sentence what is measured, from where to where.
	Doc string
}

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
	Mend       = "mend"
	Exit       = "exit"
	Command    = "command"
	FloorPidfd = "floor-pidfd"
	InjectLate = "inject-late"

	LostFrames = oracle.LostFrames
	Truth      = "truth"

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

// The time of two metrics may be 0, so they are in seconds: benchstat leaves a 0 in ns as it is and splits its table there.
var metrics = []Metric{
	{Detect, "ns", Unlimited, false, false, "just before kill(2) until the host knows: worker_down or worker_hung, for SIGTERM also the leave notice"},
	{Switch, "ns", Unlimited, false, false, "entry until return of the callback call that first read another ring"},
	{Failover, "ns", Unlimited, false, false, "just before kill(2) until the return of the first callback call since then that delivered a block of a worker that was not hit"},
	{Promote, "ns", Unlimited, false, false, "a spare is activated until it has published its first block"},
	{Spawn, "ns", Unlimited, false, false, "exec of a worker until it is mapped and idle"},
	{Mend, "ns", Unlimited, false, false, "just before kill(2) until full redundancy again, spares included"},
	{Exit, "ns", Unlimited, false, false, "just before kill(2) until the victim's pidfd says dead, seen from outside"},
	{Command, "ns", Unlimited, false, false, "datagram sent until the entry of the callback that delivers the first block with its effect"},
	{FloorPidfd, "ns", Unlimited, false, false, "the floor: kill(2) of a trivial process until its pidfd is readable"},
	{InjectLate, "sec", Unlimited, false, false, "the injector's own lateness: when a fault was due until just before kill(2)"},

	{oracle.LostFrames, "", 0, true, false, "frames of blocks that no ring had in time"},
	{oracle.WrongFrames, "", 0, true, false, "delivered frames that differ in any bit from the reference render, or between tape and sink"},
	{oracle.ReplicasDisagree, "", 0, true, false, "blocks of which two replicas had different checksums"},
	{oracle.DupBlocks, "", 0, true, false, "blocks delivered more than once"},
	{oracle.GapBlocks, "", 0, true, false, "blocks due and never delivered"},
	{oracle.RewoundBlocks, "", 0, true, false, "delivered blocks whose state was given up afterwards"},
	{oracle.SealLead, "", 0, true, false, "blocks at whose end not exactly the lead was sealed ahead"},
	{oracle.ClosedForm, "", 0, true, false, "frames over one float32 ulp from the sine that arithmetic of the harness's own gives"},
	{oracle.Compared, "", 0, true, false, "frames due that were not compared with the truth; 1 when nothing was"},
	{oracle.Tape, "", 0, true, false, "tape records that are damaged, missing at the end, or contradict each other"},
	{oracle.WAVLength, "", 0, true, false, "frames that the sink's file has too few or too many"},
	{oracle.CommandsLost, "", 0, true, false, "commands that were sent and are missing in the log or in the sound"},
	{oracle.CommandsDup, "", 0, true, false, "commands found again in the log or in the sound"},
	{oracle.CommandsMisorder, "", 0, true, false, "commands found after one that was sent later"},
	{oracle.CommandsUnknown, "", 0, true, false, "values in the log or in the sound that nobody sent"},
	{oracle.CommandsOffEdge, "", 0, true, false, "blocks in which a commanded value changes after the first frame"},
	{Truth, "", 0, true, true, "runs of which the truth could not be told at all"},

	{EventErrors, "", 0, true, true, "events that a fault had to cause and did not, or caused and must not"},
	{UnorderedDeaths, "", 0, true, true, "deaths and hangs that no fault ordered"},
	{TimestampErrors, "", 0, true, true, "times the engine reports that do not lie between the kill and the receipt of the event"},
	{RingReuse, "", 0, true, true, "rings given to a new worker before the death of their last one was certain"},
	{MissedPoints, "", 0, true, true, "failpoints that were armed and not passed, or listed and not armed"},
	{StatusErrors, "", 0, true, true, "figures of the engine's own status that contradict what was found from outside"},
	{EngineErrors, "", 0, true, true, "times the engine did not start, answer, mend or end as it must"},
	{Leftovers, "", 0, true, true, "processes and sockets left behind by an engine that ended"},

	{LeakedFDs, "", 0, true, false, "rise of open descriptors between settled points, the most of any process"},
	{LeakedMemfds, "", 0, true, false, "rise of memfds between settled points, the most of any process"},
	{LeakedSockets, "", 0, true, false, "rise of sockets between settled points, the most of any process"},
	{LeakedThreads, "", 3, true, false, "rise of threads between settled points, the most of any process; Go's runtime never ends a thread it started"},
	{LeakedGoroutines, "", 0, true, false, "rise of the host's goroutines between settled points"},
	{LeakedProcs, "", 0, true, false, "rise of the engine's processes between settled points"},
	{LeakedRSS, "", 16 << 20, false, false, "rise of resident memory between settled points, the most of any process"},
	{Allocs, "", 0, true, false, "heap objects allocated by callbacks and render loops"},

	{LateSwitches, "", Unlimited, true, false, "switches away from a live worker whose ring did not have the block in time"},
	{LatePromotions, "", Unlimited, true, false, "spares activated for a worker that was late and not dead"},
	{Xruns, "", Unlimited, true, false, "callbacks that were later than the lead"},
	{XrunTime, "", Unlimited, false, false, "time skipped at xruns"},
	{Drift, "", 1000, false, false, "absolute Theil-Sen slope of block number against callback entry, between re-anchors"},
	{CallbackP99, "", Unlimited, false, false, "entry until return of a callback call"},
	{CallbackMax, "", Unlimited, false, false, "the longest callback call"},
	{FailoverCallMax, "", Unlimited, false, false, "the longest callback call among those that switched"},
	{EntryLateP99, "", Unlimited, false, false, "entry of a callback behind its grid: the machine's lateness"},
	{FloorLateP99, "", Unlimited, false, false, "the floor: lateness of a bare sleep to an absolute time"},
	{FloorLateMax, "", Unlimited, false, false, "the floor: the latest of those sleeps"},
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
	// TimesFloor limits the p50 as a multiple of the floor's.
	TimesFloor
	// BeyondBlock limits the share of samples longer than a block, less the floor's own share.
	BeyondBlock
)

// ParseBudget reads the name of a budget: <metric>-p50-<unit>, <metric>-x-floor or <metric>-beyond-block.
func ParseBudget(name string) (Budget, bool) {
	for _, m := range metrics {
		if rest, ok := strings.CutPrefix(name, m.Name+"-"); ok && m.Unit != "" {
			switch rest {
			case "p50-" + m.Unit:
				return Budget{m.Name, Absolute}, true
			case "x-floor":
				return Budget{m.Name, TimesFloor}, true
			case "beyond-block":
				return Budget{m.Name, BeyondBlock}, true
			}
		}
	}
	return Budget{}, false
}
