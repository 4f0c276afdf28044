package target

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// Runtime is what the host's metrics report about its Go runtime.
type Runtime struct {
	Mallocs      float64 // heap objects allocated since the start
	Pauses       float64 // pauses of the garbage collector since the start
	LongestPause float64 // the longest of the last 250 or so, which the runtime keeps; seconds
}

// Runtime reads the host's metrics from the control socket.
func (t *Target) Runtime(ctx context.Context) (*Runtime, error) {
	body, err := t.points.do(ctx, http.MethodGet, "/metrics")
	if err != nil {
		return nil, err
	}
	return parseRuntime(body)
}

// parseRuntime reads Prometheus' text format. The three lines it needs have no
// labels beyond the quantile: a name, a blank, a number.
func parseRuntime(text []byte) (*Runtime, error) {
	var r Runtime
	wanted := map[string]*float64{
		"go_memstats_mallocs_total":            &r.Mallocs,
		"go_gc_duration_seconds_count":         &r.Pauses,
		`go_gc_duration_seconds{quantile="1"}`: &r.LongestPause,
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		name, number, _ := strings.Cut(lines.Text(), " ")
		into := wanted[name]
		if into == nil {
			continue
		}
		v, err := strconv.ParseFloat(number, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
			return nil, fmt.Errorf("target: metrics: %s is %q, not a number", name, number)
		}
		*into = v
		delete(wanted, name)
	}
	for name := range wanted {
		return nil, fmt.Errorf("target: metrics: no %s", name)
	}
	return &r, nil
}
