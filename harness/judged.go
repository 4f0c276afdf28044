package harness

import (
	"errors"
	"os"
	"path/filepath"
	"sync"

	"chronus/harness/gate"
	"chronus/harness/judge"
	"chronus/harness/record"
	"chronus/harness/report"
	"chronus/harness/scenario"
)

// judged collects what became of a scenario's engine processes.
type judged struct {
	runs []*report.Run
	kept map[int]string // folders of those that were kept because they failed, by number of run
}

func (d *judged) cycles() (n int) {
	for _, run := range d.runs {
		n += len(run.Cycles)
	}
	return n
}

// judge judges what some engines left in their folders, all at the same time,
// keeps what failed and removes the rest.
func (cfg *Config) judge(s *scenario.Scenario, dirs []string, into *judged) error {
	if len(dirs) == 0 {
		return nil
	}
	cfg.Progress.Checking()
	records, runs, err := judgeAll(s, dirs)
	if err != nil {
		return err
	}
	for i, run := range runs {
		to := ""
		switch {
		case !gate.Clean(s, run):
			to = kept(filepath.Join(cfg.Out, failuresDir), records[i])
			into.kept[run.Run] = to
		case cfg.Keep:
			to = kept(filepath.Join(cfg.Out, keptDir), records[i])
		}
		if to != "" {
			if err := keep(records[i], dirs[i], to); err != nil {
				return err
			}
		}
		if err := os.RemoveAll(dirs[i]); err != nil {
			return err
		}
	}
	into.runs = append(into.runs, runs...)
	return nil
}

// judgeAll reads the records in some folders and judges them, all at the same
// time.
func judgeAll(s *scenario.Scenario, dirs []string) ([]*record.Record, []*report.Run, error) {
	records, runs, errs := make([]*record.Record, len(dirs)), make([]*report.Run, len(dirs)), make([]error, len(dirs))
	var all sync.WaitGroup
	for i, dir := range dirs {
		all.Go(func() {
			if records[i], errs[i] = record.Read(filepath.Join(dir, record.File)); errs[i] == nil {
				runs[i], errs[i] = judge.Run(s, records[i], dir)
			}
		})
	}
	all.Wait()
	return records, runs, errors.Join(errs...)
}
