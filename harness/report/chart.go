package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"chronus/engine/quantile"
	"chronus/harness/metric"
)

// curve holds the samples of one metric in one scenario, in seconds.
type curve struct {
	metric.Metric
	class   string // of its line
	samples []float64
}

// P returns a quantile as people read it.
func (c curve) P(q float64) string { return millis(quantile.Of(c.samples, q)) }

// N returns the number of samples.
func (c curve) N() int { return len(c.samples) }

// Class returns the style class of the line.
func (c curve) Class() string { return c.class }

func millis(sec float64) string {
	switch {
	case math.IsNaN(sec):
		return "-"
	case sec < 1e-4:
		return fmt.Sprintf("%.1f µs", sec*1e6)
	case sec < 1:
		return fmt.Sprintf("%.3g ms", sec*1e3)
	}
	return fmt.Sprintf("%.3g s", sec)
}

// Positions in a chart, in its own units.
const (
	chartWidth, chartHeight                          = 420.0, 190.0
	chartLeft, chartRight, chartTop, chartBottom     = 42.0, 14.0, 10.0, 26.0
	plotWidth, plotHeight                            = chartWidth - chartLeft - chartRight, chartHeight - chartTop - chartBottom
	curvePoints                                  int = 240
)

// span is the range of a time axis in decades of seconds.
type span struct{ from, to int }

// spanOf covers all curves, so that the charts of all scenarios can be compared
// with one another.
func spanOf(charts [][]curve) span {
	least, most := math.Inf(1), 0.0
	for _, curves := range charts {
		for _, c := range curves {
			least, most = min(least, slices.Min(c.samples)), max(most, slices.Max(c.samples))
		}
	}
	if most == 0 {
		return span{-4, -1}
	}
	s := span{int(math.Floor(math.Log10(least))), int(math.Ceil(math.Log10(most)))}
	if s.from == s.to {
		s.to++
	}
	return s
}

func (s span) x(sec float64) float64 {
	return chartLeft + plotWidth*(math.Log10(sec)-float64(s.from))/float64(s.to-s.from)
}

func y(share float64) float64 { return chartTop + plotHeight*(1-share) }

// chart draws the curves' cumulative distributions over a logarithmic time
// axis: how many of 100 faults were over by then. block is the duration of a
// block in seconds; 0: not known.
//
// The SVG is written by hand, because it is forty lines of it, styled by the
// page in light and in dark. gonum/plot would draw it, but with fonts and
// raster backends that every start of chronus would pay for: importing a
// plotting library raised exec from 7.6 to 13.9 ms here.
func chart(scenario string, curves []curve, s span, block float64) template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img" aria-label="latency distributions of %s">`, chartWidth, chartHeight, template.HTMLEscapeString(scenario))
	for _, share := range []float64{0, 0.5, 1} {
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, chartLeft, y(share), chartLeft+plotWidth, y(share))
		fmt.Fprintf(&b, `<text class="tick" x="%.1f" y="%.1f" text-anchor="end">%.0f %%</text>`, chartLeft-5, y(share)+3.5, 100*share)
	}
	for d := s.from; d <= s.to; d++ {
		x := s.x(math.Pow10(d))
		anchor := "middle"
		if d == s.to {
			anchor = "end"
		}
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, x, y(1), x, y(0))
		fmt.Fprintf(&b, `<text class="tick" x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, x, chartHeight-9, anchor, decade(d))
	}
	if x := s.x(block); block > 0 && x > chartLeft && x < chartLeft+plotWidth {
		fmt.Fprintf(&b, `<line class="block" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"><title>one block, %s</title></line>`, x, y(1), x, y(0), millis(block))
		fmt.Fprintf(&b, `<text class="tick" x="%.1f" y="%.1f">block</text>`, x+3, y(0)-4)
	}
	for _, c := range curves {
		fmt.Fprintf(&b, `<path class="curve %s" d="%s"><title>%s: p50 %s, p99 %s, max %s, n = %d</title></path>`,
			c.class, c.path(s), c.Name, c.P(0.5), c.P(0.99), c.P(1), len(c.samples))
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // made of numbers, names of metrics and an escaped name
}

// path returns the curve as steps, thinned out where there are more samples
// than the eye can resolve.
func (c curve) path(s span) string {
	sorted := slices.Sorted(slices.Values(c.samples))
	n := min(len(sorted), curvePoints)
	var b strings.Builder
	last := y(0)
	for i := range n {
		at := (i + 1) * len(sorted) / n // samples up to this point
		x := s.x(sorted[at-1])
		if i == 0 {
			fmt.Fprintf(&b, "M%.1f %.1f", x, last)
		}
		last = y(float64(at) / float64(len(sorted)))
		fmt.Fprintf(&b, "H%.1fV%.1f", x, last)
	}
	return b.String()
}

func decade(d int) string {
	switch {
	case d >= 0:
		return fmt.Sprintf("%g s", math.Pow10(d))
	case d >= -3:
		return fmt.Sprintf("%g ms", math.Round(math.Pow10(d+3)))
	case d >= -6:
		return fmt.Sprintf("%g µs", math.Round(math.Pow10(d+6)))
	}
	return fmt.Sprintf("%g ns", math.Round(math.Pow10(d+9)))
}
