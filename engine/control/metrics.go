package control

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics returns the page for Prometheus. Every figure of the engine comes
// from the Status, which is taken once per scrape: between scrapes nothing is
// counted, kept or run. The figures of the host's Go runtime and process come
// with them.
func metrics(status func() Status) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		&collector{status},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// collector makes metrics of a Status.
type collector struct{ status func() Status }

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for i := range metricsOfStatus {
		ch <- metricsOfStatus[i].desc
	}
	for _, d := range []*prometheus.Desc{descInfo, descState, descWorkers, descWorkerAge, descProcessMemory} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	st := c.status()
	for i := range metricsOfStatus {
		if v, ok := metricsOfStatus[i].value(&st); ok {
			ch <- prometheus.MustNewConstMetric(metricsOfStatus[i].desc, metricsOfStatus[i].kind, v)
		}
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(descInfo, 1, st.Patch, st.Sink, st.OSC, st.Player.Sched)
	for _, s := range []string{StateStarting, StatePlaying, StateStopping, StateStopped} {
		gauge(descState, oneIf(s == st.State), s)
	}
	// Every pair is there, even with a zero: an alert on a pair that has not
	// occurred yet could not be told from one with a typing error.
	count := map[[2]string]int{}
	for _, w := range st.Workers {
		count[[2]string{w.Role, w.State}]++
	}
	states := []string{WorkerStarting, WorkerIdle, WorkerRestoring, WorkerRendering, WorkerDead}
	for _, role := range []string{RolePrimary, RoleStandby, RoleSpare} {
		for _, state := range states {
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
	descInfo = desc("info",
		"What plays, to what sink, where OSC is received and how the player is scheduled; always 1.",
		"patch", "sink", "osc", "sched")
	descState = desc("state", "1 for the state that the engine is in, 0 for the others.",
		"state")
	descWorkers = desc("workers", "Workers by role and state.",
		"role", "state")
	descWorkerAge = desc("worker_age_seconds", "Time since the process of the slot's worker was started.",
		"slot", "role")
	descProcessMemory = desc("process_resident_bytes",
		"Resident memory of player and workers, including what each touched of the shared regions.",
		"process", "slot")
)

// metric is a metric that is one number of the Status.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	// value reports false if there is no value yet.
	value func(*Status) (v float64, ok bool)
}

func always(of func(*Status) float64) func(*Status) (float64, bool) {
	return func(st *Status) (float64, bool) { return of(st), true }
}

func counter(name, help string, of func(*Status) uint64) metric {
	return counterOf(name, help, func(st *Status) float64 { return float64(of(st)) })
}

func counterOf(name, help string, of func(*Status) float64) metric {
	return metric{desc(name, help), prometheus.CounterValue, always(of)}
}

func gauge(name, help string, of func(*Status) float64) metric {
	return metric{desc(name, help), prometheus.GaugeValue, always(of)}
}

func ofLevels(name, help string, of func(*Levels) float64) metric {
	return metric{desc(name, help), prometheus.GaugeValue, func(st *Status) (float64, bool) {
		if st.Levels == nil {
			return 0, false
		}
		return of(st.Levels), true
	}}
}

func ofCallback(name, help string, of func(*Callback) int64) metric {
	return metric{desc(name, help), prometheus.GaugeValue, func(st *Status) (float64, bool) {
		if st.Callback == nil {
			return 0, false
		}
		return seconds(of(st.Callback)), true
	}}
}

// ofFailover returns a metric that is a time of the last failover; a time of 0
// means that there was none yet.
func ofFailover(name, help string, of func(*Failover) int64) metric {
	return metric{desc(name, help), prometheus.GaugeValue, func(st *Status) (float64, bool) {
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
