package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// The files of a verification.
const (
	RunsFile    = "runs.txt"
	CyclesFile  = "cycles.txt"
	MetaFile    = "meta.json"
	VerdictFile = "verdict.json"
	JUnitFile   = "junit.xml"
	HTMLFile    = "report.html" // made from the others afterwards
)

// Clear removes the files of an earlier verification, so that one that dies
// does not leave files that look like its own.
func Clear(dir string) error {
	for _, name := range []string{RunsFile, CyclesFile, MetaFile, VerdictFile, JUnitFile, HTMLFile} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("report: %w", err)
		}
	}
	return nil
}

// WriteDir writes runs.txt, cycles.txt, meta.json, verdict.json and junit.xml
// into an existing folder.
func WriteDir(dir string, meta Meta, s *Summary) error {
	return errors.Join(
		writeFile(dir, RunsFile, func(w io.Writer) error { return WriteRuns(w, meta.Machine, s.Scenarios) }),
		writeFile(dir, CyclesFile, func(w io.Writer) error { return WriteCycles(w, meta.Machine, s.Scenarios) }),
		writeFile(dir, MetaFile, func(w io.Writer) error { return WriteJSON(w, meta) }),
		writeFile(dir, VerdictFile, func(w io.Writer) error { return WriteJSON(w, s) }),
		writeFile(dir, JUnitFile, func(w io.Writer) error { return WriteJUnit(w, meta, s) }),
	)
}

// WriteJSON writes v indented, for people to read.
func WriteJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

func writeFile(dir, name string, write func(io.Writer) error) error {
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := write(f); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}
