package harness

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"time"

	"chronus/harness/gate"
	"chronus/harness/record"
	"chronus/harness/report"
	"chronus/harness/scenario"
)

// Again is what to judge again.
type Again struct {
	Dir       string               // every record below it
	Scenarios []*scenario.Scenario // of this build, in the order of the report
	Match     *regexp.Regexp       // of the scenarios' names
	Progress  Progress
}

// Judge judges kept records again, without playing, with the scenarios and
// limits of this build. All records must be of one verification. Beside the
// summary it returns the header of one of them, for what they have in common.
// An error without a summary is a UsageError if the user can mend it: a record
// that cannot be read, a scenario that this build does not have, a missing
// file.
func Judge(ctx context.Context, a Again) (*report.Summary, *record.Header, error) {
	begin := time.Now()
	found, err := a.find()
	if err != nil {
		return nil, nil, &UsageError{err}
	}
	header := &found[0].header
	chosen, err := a.chosen(found, header.Profile)
	if err != nil {
		return nil, nil, &UsageError{err}
	}
	var results []report.Result
	for _, s := range chosen {
		r, err := a.scenario(ctx, s, header.Profile, found)
		if err != nil {
			return nil, nil, err
		}
		a.Progress.Result(r)
		results = append(results, *r)
	}
	return summarize(results, false, header.Profile, header.Seed, time.Since(begin)), header, nil
}

// keptRecord is a record that was found, and where.
type keptRecord struct {
	dir    string
	header record.Header
}

// find reads the headers of all records below the folder, by scenario and run.
func (a *Again) find() ([]keptRecord, error) {
	var found []keptRecord
	err := filepath.WalkDir(a.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() != record.File {
			return err
		}
		rec, err := record.Read(path)
		if err != nil {
			return err
		}
		if !a.Match.MatchString(rec.Scenario) {
			return nil
		}
		k := keptRecord{filepath.Dir(path), rec.Header}
		for _, other := range found {
			if err := together(other, k); err != nil {
				return err
			}
		}
		found = append(found, k)
		return complete(rec, k.dir)
	})
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("verify: no record (%s) of such a scenario below %s", record.File, a.Dir)
	}
	slices.SortStableFunc(found, func(a, b keptRecord) int { return a.header.Run - b.header.Run })
	return found, nil
}

// together returns why two records cannot be judged together.
func together(a, b keptRecord) error {
	switch {
	case a.header.Profile != b.header.Profile || a.header.Seed != b.header.Seed:
		return fmt.Errorf("%s and %s are of different verifications: profile %s, seed %d, and profile %s, seed %d",
			a.dir, b.dir, a.header.Profile, a.header.Seed, b.header.Profile, b.header.Seed)
	case a.header.Scenario == b.header.Scenario && a.header.Run == b.header.Run:
		return fmt.Errorf("%s and %s are both run %d of scenario %s", a.dir, b.dir, a.header.Run, a.header.Scenario)
	}
	return nil
}

// complete returns an error unless the files that judging needs lie beside a
// record.
func complete(rec *record.Record, dir string) error {
	for _, name := range []string{rec.Files.Tape, rec.Files.Sound, rec.Files.Listener} {
		if name == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("%s: a file of the record is missing: %w", filepath.Join(dir, record.File), err)
		}
	}
	return nil
}

// chosen returns the scenarios of the records, as the records' profile has
// them.
func (a *Again) chosen(found []keptRecord, profile string) ([]*scenario.Scenario, error) {
	all := scenario.In(a.Scenarios, profile)
	for _, k := range found {
		if !slices.ContainsFunc(all, func(s *scenario.Scenario) bool { return s.Name == k.header.Scenario }) {
			return nil, fmt.Errorf("verify: %s: this build has no scenario %q in profile %q",
				filepath.Join(k.dir, record.File), k.header.Scenario, profile)
		}
	}
	return slices.DeleteFunc(all, func(s *scenario.Scenario) bool {
		return !slices.ContainsFunc(found, func(k keptRecord) bool { return k.header.Scenario == s.Name })
	}), nil
}

// scenario judges a scenario's records, as many at a time as there are CPUs,
// and gives the verdict on them.
func (a *Again) scenario(ctx context.Context, s *scenario.Scenario, profile string, found []keptRecord) (*report.Result, error) {
	began := time.Now()
	c := gate.Case{Scenario: s, Cycles: fullCycles(s, profile), Kept: map[int]string{}}
	var dirs []string
	for _, k := range found {
		if k.header.Scenario == s.Name {
			c.Repeat, c.Kept[k.header.Run] = k.header.Repeat, k.dir
			dirs = append(dirs, k.dir)
		}
	}
	for batch := range slices.Chunk(dirs, runtime.NumCPU()) {
		if ctx.Err() != nil {
			return nil, errors.New("verify: interrupted")
		}
		_, runs, err := judgeAll(s, batch)
		if err != nil {
			return nil, &UsageError{fmt.Errorf("verify: %w", err)}
		}
		c.Runs = append(c.Runs, runs...)
	}
	c.Seconds = time.Since(began).Seconds()
	r := gate.Decide(c)
	return &r, nil
}
