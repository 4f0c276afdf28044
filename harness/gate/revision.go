package gate

import (
	"fmt"
	"math"
	"os"
	"path/filepath"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchproc"

	"chronus/harness/report"
)

// revision is one side of a comparison: all lines of a runs.txt.
type revision struct {
	file  string
	units benchfmt.UnitMetadataMap
	rows  []row          // in the order of the file
	lines map[row]int    // engine processes
	cells map[cell][]one // their values in one unit
}

// row is what must be equal for values to be comparable: the name, with
// scenario, sink, frames and number of CPUs, and the configuration of goos,
// goarch, pkg and cpu.
type row struct{ config, name, scenario string }

// cell is a row in one unit.
type cell struct {
	row  row
	unit string
}

// one is the value of one engine process.
type one struct {
	value  float64
	faults int
}

// runsOf returns the runs.txt that a path means: itself, or the one in that
// folder.
func runsOf(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return filepath.Join(path, report.RunsFile)
	}
	return path
}

// readRevision reads a runs.txt more strictly than benchstat: anything wrong
// with it is an error, and so is a file without results.
func readRevision(path string) (*revision, error) {
	r := &revision{file: runsOf(path), lines: map[row]int{}, cells: map[cell][]one{}}
	if err := whole(r.file); err != nil {
		return nil, err
	}
	by := func(q string) *benchproc.Projection {
		var p benchproc.ProjectionParser // one each: a parser leaves out of .fullname what it has projected already
		projection, err := p.Parse(q, nil)
		if err != nil {
			panic(fmt.Sprintf("gate: projection %q: %v", q, err)) // it is a constant
		}
		return projection
	}
	config, name, scenario := by(".config"), by(".fullname"), by("/scenario")
	files := benchfmt.Files{Paths: []string{r.file}}
	for files.Scan() {
		switch rec := files.Result().(type) {
		case *benchfmt.SyntaxError:
			return nil, fmt.Errorf("compare: %w", rec)
		case *benchfmt.Result:
			at := row{config.Project(rec).String(), name.Project(rec).StringValues(), scenario.Project(rec).StringValues()}
			if r.lines[at]++; r.lines[at] == 1 {
				r.rows = append(r.rows, at)
			}
			for _, v := range rec.Values {
				if math.IsNaN(v.Value) || math.IsInf(v.Value, 0) { // no test can handle it, and one never returns
					return nil, fmt.Errorf("compare: %s: %s has %v %s", r.file, at.name, v.Value, v.Unit)
				}
				c := cell{at, v.Unit}
				r.cells[c] = append(r.cells[c], one{v.Value, rec.Iters})
			}
		}
	}
	if err := files.Err(); err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	if len(r.rows) == 0 {
		return nil, fmt.Errorf("compare: %s: no results in it", r.file)
	}
	r.units = files.Units()
	return r, nil
}

// whole returns an error unless a file ends with the end of a line. A line that
// was cut off in its last unit could be read as another unit.
func whole(file string) error {
	text, err := os.ReadFile(file)
	switch {
	case err != nil:
		return fmt.Errorf("compare: %w", err)
	case len(text) == 0:
		return fmt.Errorf("compare: %s: it is empty", file)
	case text[len(text)-1] != '\n':
		return fmt.Errorf("compare: %s: its last line is cut off", file)
	}
	return nil
}

// sample returns the values of a cell in a slice of their own, which the caller
// may sort.
func (r *revision) sample(c cell) []float64 {
	var all []float64
	for _, o := range r.cells[c] {
		all = append(all, o.value)
	}
	return all
}

// always reports whether every engine process of a row has the unit. Only what
// must be there can be missing.
func (r *revision) always(at row, unit string) bool {
	return len(r.cells[cell{at, unit}]) == r.lines[at]
}

// unitsOf returns the units of a row in the order of the table of metrics, then
// those that are not in it.
func unitsOf(at row, sides ...*revision) []string {
	var all []string
	seen := map[string]bool{}
	add := func(unit string) {
		for _, s := range sides {
			if _, ok := s.cells[cell{at, unit}]; ok && !seen[unit] {
				seen[unit] = true
				all = append(all, unit)
			}
		}
	}
	for _, unit := range columns() {
		add(unit)
	}
	for _, unit := range strangers(sides...) {
		add(unit)
	}
	return all
}
