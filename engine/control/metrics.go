package control

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics is the page for Prometheus. Every figure comes out of the Status, which is taken once a scrape: between scrapes
// nothing is counted, kept or run. With them come those of the host's Go runtime and process.
func metrics(status func() Status) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		&collector{status}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// collector makes metrics of a Status.
type collector struct{ status func() Status }

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for i := range figures {
		ch <- figures[i].desc
	}
	for _, d := range []*prometheus.Desc{descInfo, descState, descWorkers, descWorkerAge, descProcessMemory} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	st := c.status()
	for i := range figures {
		if v, known := figures[i].value(&st); known {
			ch <- prometheus.MustNewConstMetric(figures[i].desc, figures[i].kind, v)
		}
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(descInfo, 1, st.Patch, st.Sink, st.OSC, st.Player.Sched)
	for _, s := range []string{StateStarting, StatePlaying, StateStopping, StateStopped} {
		gauge(descState, oneIf(s == st.State), s)
	}
	// Every pair is there, if with a zero: who waits for one that never was cannot tell it from a typing error.
	count := map[[2]string]int{}
	for _, w := range st.Workers {
		count[[2]string{w.Role, w.State}]++
	}
	for _, role := range []string{RolePrimary, RoleStandby, RoleSpare} {
		for _, state := range []string{WorkerStarting, WorkerIdle, WorkerRestoring, WorkerRendering, WorkerDead} {
			gauge(descWorkers, float64(count[[2]string{role, state}]), role, state)
		}
	}
	for _, w := range st.Workers {
		slot := strconv.Itoa(w.Slot)
		gauge(descWorkerAge, seconds(w.AgeNS), slot, w.Role)
		gauge(descProcessMemory, float64(w.RSS), "worker", slot)
	}
	gauge(descProcessMemory, float64(st.Player.RSS), "player", "")
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("chronus_"+name, help, labels, nil)
}

var (
	descInfo          = desc("info", "What plays, where to, where OSC comes in and how the player is scheduled; always 1.", "patch", "sink", "osc", "sched")
	descState         = desc("state", "1 for the state the engine is in, 0 for the others.", "state")
	descWorkers       = desc("workers", "Workers by role and state.", "role", "state")
	descWorkerAge     = desc("worker_age_seconds", "Time since the process of the slot's worker was started.", "slot", "role")
	descProcessMemory = desc("process_resident_bytes", "Resident memory of player and workers, with what each touched of the shared regions.", "process", "slot")
)

// figure is a metric that is one number of the Status.
type figure struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	// value says false where there is nothing to tell yet.
	value func(*Status) (v float64, known bool)
}

func counter(name, help string, of func(*Status) uint64) figure {
	return figure{desc(name, help), prometheus.CounterValue, func(st *Status) (float64, bool) { return float64(of(st)), true }}
}

func gauge(name, help string, of func(*Status) float64) figure {
	return figure{desc(name, help), prometheus.GaugeValue, func(st *Status) (float64, bool) { return of(st), true }}
}

func ofLevels(name, help string, of func(*Levels) float64) figure {
	return figure{desc(name, help), prometheus.GaugeValue, func(st *Status) (float64, bool) {
		if st.Levels == nil {
			return 0, false
		}
		return of(st.Levels), true
	}}
}

func ofCallback(name, help string, of func(*Callback) int64) figure {
	return figure{desc(name, help), prometheus.GaugeValue, func(st *Status) (float64, bool) {
		if st.Callback == nil {
			return 0, false
		}
		return seconds(of(st.Callback)), true
	}}
}

// ofFailover is a time of the last failover; 0 is none yet.
func ofFailover(name, help string, of func(*Failover) int64) figure {
	return figure{desc(name, help), prometheus.GaugeValue, func(st *Status) (float64, bool) {
		if st.LastFailover == nil || of(st.LastFailover) == 0 {
			return 0, false
		}
		return seconds(of(st.LastFailover)), true
	}}
}

func seconds(ns int64) float64 { return time.Duration(ns).Seconds() }

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// figures are all metrics without labels.
var figures = []figure{
	counter("blocks_total", "Blocks handed to the sink.", func(st *Status) uint64 { return st.Block }),
	counter("sealed_blocks_total", "Blocks whose commands are decided.", func(st *Status) uint64 { return st.Sealed }),
	counter("lost_frames_total", "Frames for which no worker had the sound in time.", func(st *Status) uint64 { return st.LostFrames }),
	counter("limited_frames_total", "Frames in which the limiter at the output had to act.", func(st *Status) uint64 { return st.LimitedFrames }),
	counter("failovers_total", "Times that the callback read another worker's ring first from then on.", func(st *Status) uint64 { return st.Failovers }),
	counter("restarts_total", "Workers started in place of one that died.", func(st *Status) uint64 { return st.Restarts }),
	counter("player_restarts_total", "Players started in place of one that died.", func(st *Status) uint64 { return uint64(max(st.Player.Generation, 1) - 1) }),
	counter("divergences_total", "Blocks of which two workers made different bits.", func(st *Status) uint64 { return st.Divergences }),
	counter("late_failovers_total", "Failovers from a worker that was alive, only later than another.", func(st *Status) uint64 { return st.LateFailovers }),
	counter("heard_xruns_total", "Gaps that the sound device reported: it had nothing left to play.", func(st *Status) uint64 { return st.HeardXruns }),
	counter("xruns_total", "Callbacks later than the lead, after which the grid was anchored anew.", func(st *Status) uint64 { return st.Xruns }),
	{desc("xrun_seconds_total", "Time skipped by xruns."), prometheus.CounterValue, func(st *Status) (float64, bool) { return float64(st.XrunNS) / 1e9, true }},
	counter("commands_total", "Commands taken into the log.", func(st *Status) uint64 { return st.Commands }),
	counter("late_commands_total", "Timed commands that came after their frame and acted at once.", func(st *Status) uint64 { return st.LateCommands }),
	counter("dropped_commands_total", "Commands refused because the queue was full.", func(st *Status) uint64 { return st.DroppedCommands }),
	counter("bad_packets_total", "OSC packets that were malformed, or named an unknown address, or had a bad argument.", func(st *Status) uint64 { return st.BadPackets }),
	counter("callback_allocated_objects_total", "Heap objects that the player has allocated since it settled.", func(st *Status) uint64 { return st.CallbackAllocs }),
	counter("player_collections_total", "Garbage collections in the player, which would stop its callback.", func(st *Status) uint64 { return st.PlayerGCs }),
	counter("tape_missed_blocks_total", "Blocks missing on the tape because the disk was too slow.", func(st *Status) uint64 { return st.TapeMissed }),
	counter("sink_missed_blocks_total", "Blocks that a sound file lacks because the disk was too slow or too full.", func(st *Status) uint64 { return st.SinkMissed }),

	gauge("uptime_seconds", "Time since the engine was started.", func(st *Status) float64 { return seconds(st.UptimeNS) }),
	gauge("rate_hertz", "Sample rate.", func(st *Status) float64 { return float64(st.Rate) }),
	gauge("block_frames", "Frames a block.", func(st *Status) float64 { return float64(st.Frames) }),
	gauge("channels", "Channels of the output.", func(st *Status) float64 { return float64(st.Channels) }),
	gauge("lead_blocks", "Blocks sealed ahead of playout.", func(st *Status) float64 { return float64(st.Lead) }),
	gauge("latency_seconds", "Time from a block's seal, which takes the commands there are, to its playout.", func(st *Status) float64 { return seconds(st.LatencyNS) }),
	gauge("replicas", "Workers that should render.", func(st *Status) float64 { return float64(st.Replicas) }),
	gauge("spares", "Workers that should be idle behind them.", func(st *Status) float64 { return float64(st.Spares) }),
	gauge("drift_ratio", "How much slower than its grid the player was called since the last anchor.", func(st *Status) float64 { return st.DriftPPM / 1e6 }),
	gauge("device_playing", "1 while a sound device paces the engine, 0 while the clock does.", func(st *Status) float64 {
		return oneIf(st.Device != nil && st.Device.State == DevicePlaying)
	}),
	gauge("device_latency_seconds", "Time that the sound device's buffer holds, by its own word; 0 without a device.", func(st *Status) float64 {
		if st.Device == nil {
			return 0
		}
		return seconds(st.Device.LatencyNS)
	}),
	gauge("player_realtime", "1 when the player runs under SCHED_FIFO.", func(st *Status) float64 { return oneIf(st.Player.Sched == "fifo") }),
	gauge("player_age_seconds", "Time since the player's process was started.", func(st *Status) float64 { return seconds(st.Player.AgeNS) }),

	ofLevels("output_peak_dbfs", "Peak of the last second, dB of full scale; -200 is silence.", func(l *Levels) float64 { return l.PeakDBFS }),
	ofLevels("output_rms_dbfs", "RMS of the last second, dB of full scale; -200 is silence.", func(l *Levels) float64 { return l.RMSDBFS }),
	ofLevels("output_not_finite_samples", "Samples of the last second that are no number or infinite.", func(l *Levels) float64 { return float64(l.NotFinite) }),

	ofCallback("callback_p50_seconds", "Median time from entry to return of the last second's calls.", func(c *Callback) int64 { return c.P50NS }),
	ofCallback("callback_p99_seconds", "99th percentile of the same.", func(c *Callback) int64 { return c.P99NS }),
	ofCallback("callback_max_seconds", "Longest of the same.", func(c *Callback) int64 { return c.MaxNS }),
	ofCallback("callback_late_p99_seconds", "How much later than due the last second's calls came, 99th percentile.", func(c *Callback) int64 { return c.LateP99NS }),
	ofCallback("callback_late_max_seconds", "Most of the same.", func(c *Callback) int64 { return c.LateMaxNS }),

	ofFailover("last_switch_seconds", "Time from entry to return of the last call that read another ring first from then on.", func(f *Failover) int64 { return f.SwitchNS }),
	ofFailover("last_promote_seconds", "Time from the last activation of a spare to its first block.", func(f *Failover) int64 { return f.PromoteNS }),
	ofFailover("last_mend_seconds", "Time from the last death known to full redundancy.", func(f *Failover) int64 { return f.MendNS }),
}
