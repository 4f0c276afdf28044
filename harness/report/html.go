package report

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"chronus/harness/metric"

	"golang.org/x/perf/benchfmt"
)

// drawn lists the metrics whose distributions the page draws.
var drawn = []string{metric.Detect, metric.Promote, metric.Mend}

//go:embed page.html
var pageText string

var pageForm = template.Must(template.New("page").Parse(pageText))

// WriteHTML writes report.html into a folder, from the files that a
// verification left there. It returns the path of the page, which needs no
// other file.
func WriteHTML(dir string) (file string, err error) {
	p, err := readPage(dir)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, HTMLFile), writeFile(dir, HTMLFile, func(w io.Writer) error {
		if err := pageForm.Execute(w, p); err != nil {
			return fmt.Errorf("report: %w", err)
		}
		return nil
	})
}

// page holds what the page shows.
type page struct {
	Meta
	*Summary
	Duration string
	MemoryGB string
	Headings []heading
	Rows     []pageRow
	Charts   []pageChart
}

type heading struct{ Name, Doc string }

type pageRow struct {
	*Result
	Class   string
	Cells   []pageCell
	Figures []pageFigure
}

// pageCell is a figure and the most that it may be, if it has a limit.
type pageCell struct {
	Text, Limit string
	Bad         bool
}

type pageFigure struct {
	Unit, Doc, Median, Min, Max, Limit string
	N                                  int
	Bad                                bool
}

type pageChart struct {
	Scenario string
	SVG      template.HTML
	Curves   []curve
}

func readPage(dir string) (*page, error) {
	p := &page{Summary: &Summary{}}
	for name, into := range map[string]any{VerdictFile: p.Summary, MetaFile: &p.Meta} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, fmt.Errorf("report: %w (chronus verify --out %s writes it)", err, dir)
		}
		if err := json.Unmarshal(text, into); err != nil {
			return nil, fmt.Errorf("report: %s: %w", filepath.Join(dir, name), err)
		}
	}
	samples, err := readCycles(filepath.Join(dir, CyclesFile))
	if err != nil {
		return nil, err
	}
	p.Duration = time.Duration(p.Seconds * 1e9).Round(time.Second).String()
	p.MemoryGB = fmt.Sprintf("%.1f GiB", float64(p.Machine.Memory)/(1<<30))
	p.Headings = append(p.Headings, heading{"cycles", "faults, in all engine processes together"})
	for _, g := range glance {
		m, _ := metric.Lookup(g.name)
		p.Headings = append(p.Headings, heading{g.heading, m.Doc})
		if m.Name == metric.Detect {
			p.Headings = append(p.Headings, heading{"x floor", "detect p50 as a multiple of the floor's"})
		}
	}
	var curves [][]curve
	for i := range p.Scenarios {
		r := &p.Scenarios[i]
		p.Rows = append(p.Rows, pageRow{r, class(r.Verdict), cells(r), figures(r)})
		if c := curvesOf(samples[r.Scenario]); len(c) > 0 {
			curves = append(curves, c)
			p.Charts = append(p.Charts, pageChart{Scenario: r.Scenario, Curves: c})
		}
	}
	s := spanOf(curves)
	for i := range p.Charts {
		c := &p.Charts[i]
		at := slices.IndexFunc(p.Scenarios, func(r Result) bool { return r.Scenario == c.Scenario })
		c.SVG = chart(c.Scenario, c.Curves, s, float64(p.Scenarios[at].BlockNS)/1e9)
	}
	return p, nil
}

// readCycles returns the samples of cycles.txt by scenario and metric, in
// seconds.
func readCycles(file string) (map[string]map[string][]float64, error) {
	all := map[string]map[string][]float64{}
	files := benchfmt.Files{Paths: []string{file}}
	for files.Scan() {
		switch rec := files.Result().(type) {
		case *benchfmt.SyntaxError:
			return nil, fmt.Errorf("report: %w", rec)
		case *benchfmt.Result:
			_, parts := rec.Name.Parts()
			scenario := ""
			for _, part := range parts {
				if value, ok := strings.CutPrefix(string(part), "/scenario="); ok {
					scenario = value
				}
			}
			if all[scenario] == nil {
				all[scenario] = map[string][]float64{}
			}
			for _, v := range rec.Values {
				name := strings.TrimSuffix(v.Unit, "-sec")
				if v.Value > 0 && name != v.Unit { // a logarithmic axis has no 0
					all[scenario][name] = append(all[scenario][name], v.Value)
				}
			}
		}
	}
	if err := files.Err(); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return all, nil
}

func curvesOf(samples map[string][]float64) []curve {
	var all []curve
	for i, name := range drawn {
		if m, ok := metric.Lookup(name); ok && len(samples[name]) > 0 {
			all = append(all, curve{m, fmt.Sprintf("curve%d", i+1), samples[name]})
		}
	}
	return all
}

// class returns the style class of a verdict.
func class(v Verdict) string { return strings.ReplaceAll(string(v), " ", "-") }

// Class returns the style class of the whole verification's verdict.
func (p *page) Class() string { return class(p.Summary.Verdict) }

func cells(r *Result) []pageCell {
	all := []pageCell{{Text: fmt.Sprint(r.Cycles)}}
	for _, g := range glance {
		m, _ := metric.Lookup(g.name)
		all = append(all, cell(r, m))
		if m.Name == metric.Detect {
			x := pageCell{Text: ratio(median(r, metric.Detect) / median(r, metric.FloorPidfd))}
			x.budget(r, metric.Budget{Metric: metric.Detect, Kind: metric.TimesFloor})
			all = append(all, x)
		}
	}
	return all
}

// cell shows the worst process of a count, or the median process of a sampled
// metric.
func cell(r *Result, m metric.Metric) pageCell {
	if r.Verdict == NotRun {
		return pageCell{Text: "-"}
	}
	f, ok := r.Figures[m.Units()[0]]
	c := pageCell{Text: "-", Bad: fails(r, m.Name)}
	switch {
	case m.Unit == "":
		if ok {
			c.Text = m.Text(f.Max)
		}
		c.Limit = limitText(r, m)
	default:
		if ok {
			c.Text = m.Text(f.Median)
		}
		c.budget(r, metric.Budget{Metric: m.Name, Kind: metric.Absolute})
	}
	return c
}

// budget adds the scenario's own limit, if it has one.
func (c *pageCell) budget(r *Result, b metric.Budget) {
	for _, held := range r.Budgets {
		if parsed, ok := metric.ParseBudget(held.Budget); ok && parsed == b {
			m, _ := metric.Lookup(b.Metric)
			c.Limit, c.Bad = m.Text(held.Limit), c.Bad || held.Value > held.Limit
			if b.Kind == metric.TimesFloor {
				c.Text, c.Limit = ratio(held.Value), ratio(held.Limit)
			}
		}
	}
}

// limitText returns the most that one engine process of a scenario may have of
// a metric; empty: there is no limit.
func limitText(r *Result, m metric.Metric) string {
	limit, ok := r.Allowed[m.Name]
	if !ok {
		limit = m.Limit
	}
	if limit >= math.MaxFloat64 {
		return ""
	}
	return m.Text(limit)
}

func median(r *Result, name string) float64 {
	m, _ := metric.Lookup(name)
	if f, ok := r.Figures[m.Units()[0]]; ok {
		return f.Median
	}
	return math.NaN()
}

func fails(r *Result, assertion string) bool {
	return slices.ContainsFunc(r.Failures, func(f Failure) bool { return f.Assertion == assertion })
}

// figures returns all that was measured, in the order of the table of metrics.
func figures(r *Result) []pageFigure {
	var all []pageFigure
	for _, m := range metric.All() {
		for _, unit := range m.Units() {
			f, ok := r.Figures[unit]
			if !ok {
				continue
			}
			row := pageFigure{
				Unit: strings.TrimSuffix(strings.TrimSuffix(unit, "-ns"), "-sec"), Doc: m.Doc, N: f.N,
				Median: m.Text(f.Median), Min: m.Text(f.Min), Max: m.Text(f.Max), Bad: fails(r, m.Name),
			}
			row.Limit = limitText(r, m)
			all = append(all, row)
		}
	}
	for _, held := range r.Budgets {
		all = append(all, pageFigure{
			Unit: held.Budget, Doc: "a budget of the scenario, held by the median engine process", Median: metric.Number(held.Value),
			Limit: metric.Number(held.Limit), Bad: fails(r, held.Budget), N: r.Runs,
		})
	}
	return all
}
