package metric

import (
	"fmt"
	"math"
	"strings"
)

// Text returns a value of the metric as people read it.
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
	return Number(v)
}

// Number returns a number without a unit as people read it: whole if it is, to
// three digits otherwise.
func Number(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}
