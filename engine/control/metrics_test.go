package control

import (
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"
)

// scrape returns the figures of the page by name and labels.
func scrape(t *testing.T, status func() Status) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(&collector{status})
	families, err := registry.Gather()
	require.NoError(t, err)
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetName() + "=" + l.GetValue()
			}
			all[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return all
}

// number gives every number below v a value of its own and records by name the
// ones that are to be metrics.
func number(v reflect.Value, path string, fields map[string]float64, n *int) {
	for i := range v.NumField() {
		field, f := v.Type().Field(i), v.Field(i)
		name := path + field.Name
		switch f.Kind() {
		case reflect.Int, reflect.Int64:
			f.SetInt(int64(*n))
		case reflect.Uint32, reflect.Uint64:
			f.SetUint(uint64(*n))
		case reflect.Float64:
			f.SetFloat(float64(*n))
		case reflect.Struct:
			number(f, name+".", fields, n)
			continue
		case reflect.Pointer:
			f.Set(reflect.New(f.Type().Elem()))
			number(f.Elem(), name+".", fields, n)
			continue
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
			number(f.Index(0), name+".", fields, n)
			continue
		default:
			continue
		}
		if field.Tag.Get("metric") != "-" {
			fields[name] = float64(*n)
		}
		*n++
	}
}

func TestEveryFigureOfTheStatusIsAMetric(t *testing.T) {
	var st Status
	fields, n := map[string]float64{}, 3
	number(reflect.ValueOf(&st).Elem(), "", fields, &n)
	require.Greater(t, len(fields), 40)
	values := map[float64]bool{}
	for name, v := range scrape(t, func() Status { return st }) {
		if name == "chronus_player_restarts_total" {
			require.EqualValues(t, st.Player.Generation-1, v)
			continue
		}
		values[v] = true
	}
	for name, v := range fields {
		if strings.HasSuffix(name, "NS") {
			v /= 1e9
		}
		if name == "DriftPPM" {
			v /= 1e6
		}
		require.True(t, values[v], "%s is not a metric", name)
	}
}

func TestMetricsPassPrometheusLint(t *testing.T) {
	path := socketPath(t)
	full := Status{
		State: StatePlaying, Levels: new(Levels), Callback: new(Callback),
		LastFailover: &Failover{SwitchNS: 1, PromoteNS: 1, MendNS: 1},
	}
	start(t, path, func() Status { return full }, new(Hub))
	resp, _ := request(t, path, "/metrics")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	for _, name := range []string{
		"chronus_blocks_total 0", "chronus_last_mend_seconds 1e-09", "go_goroutines ", "process_open_fds ",
	} {
		require.Contains(t, string(text), "\n"+name)
	}
	problems, err := promlint.New(strings.NewReader(string(text))).Lint()
	require.NoError(t, err)
	for _, p := range problems {
		require.False(t, strings.HasPrefix(p.Metric, "chronus_"), "%s: %s", p.Metric, p.Text)
	}
}

func TestWorkersAreCountedByRoleAndState(t *testing.T) {
	m := scrape(t, func() Status {
		return Status{State: StatePlaying, Workers: []Worker{
			{Role: RolePrimary, Slot: 1, State: WorkerRendering, AgeNS: 2.5e9, RSS: 4096},
			{Role: RoleSpare, Slot: 0, State: WorkerIdle},
			{Role: RoleSpare, Slot: 3, State: WorkerIdle},
		}}
	})
	require.EqualValues(t, 1, m["chronus_workers role=primary state=rendering"])
	require.EqualValues(t, 2, m["chronus_workers role=spare state=idle"])
	require.Contains(t, m, "chronus_workers role=standby state=rendering", "a zero is shown")
	require.EqualValues(t, 2.5, m["chronus_worker_age_seconds role=primary slot=1"])
	require.EqualValues(t, 4096, m["chronus_process_resident_bytes process=worker slot=1"])
	require.EqualValues(t, 1, m["chronus_state state=playing"])
	require.EqualValues(t, 0, m["chronus_state state=stopping"])
}

func TestUnknownValueIsNotAMetric(t *testing.T) {
	for name := range scrape(t, func() Status { return Status{LastFailover: &Failover{SwitchNS: 5}} }) {
		require.NotContains(t, name, "output")
		require.NotContains(t, name, "callback_p")
		require.NotContains(t, name, "promote")
		require.NotContains(t, name, "mend")
	}
}

func TestStatusIsTakenOncePerScrape(t *testing.T) {
	path := socketPath(t)
	var asked atomic.Int32
	start(t, path, func() Status { asked.Add(1); return playing() }, new(Hub))
	for range 3 {
		resp, _ := request(t, path, "/metrics")
		_, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
	}
	require.EqualValues(t, 3, asked.Load())
}
