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

// Runtime is what the host's metrics say of its Go runtime.
type Runtime struct {
	Mallocs      float64 // heap objects allocated since it was started
	Pauses       float64 // of garbage collections since it was started
	LongestPause float64 // s, of those that the runtime remembers: some 250
}

// Runtime asks the control socket for the host's metrics.
func (t *Target) Runtime(ctx context.Context) (*Runtime, error) {
	body, err := t.points.do(ctx, http.MethodGet, "/metrics")
	if err != nil {
		return nil, err
	}
	return parseRuntime(body)
}

// parseRuntime reads Prometheus' text format, of which it takes three lines without labels of its own: a name, a blank, a number.
func parseRuntime(text []byte) (*Runtime, error) {
	var r Runtime
	wanted := map[string]*float64{
		"go_memstats_mallocs_total": &r.Mallocs, "go_gc_duration_seconds_count": &r.Pauses, `go_gc_duration_seconds{quantile="1"}`: &r.LongestPause,
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		name, number, _ := strings.Cut(lines.Text(), " ")
		into := wanted[name]
		if into == nil {
			continue
		}
		v, err := strconv.ParseFloat(number, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
			return nil, fmt.Errorf("target: metrics: %s is %q, no number", name, number)
		}
		*into = v
		delete(wanted, name)
	}
	for name := range wanted {
		return nil, fmt.Errorf("target: metrics: no %s", name)
	}
	return &r, nil
}
