package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// WriteDir writes runs.txt, cycles.txt, meta.json and verdict.json into a folder that is there.
func WriteDir(dir string, meta Meta, s *Summary) error {
	return errors.Join(
		writeFile(dir, "runs.txt", func(w io.Writer) error { return WriteRuns(w, meta.Machine, s.Scenarios) }),
		writeFile(dir, "cycles.txt", func(w io.Writer) error { return WriteCycles(w, meta.Machine, s.Scenarios) }),
		writeFile(dir, "meta.json", func(w io.Writer) error { return WriteJSON(w, meta) }),
		writeFile(dir, "verdict.json", func(w io.Writer) error { return WriteJSON(w, s) }),
	)
}

// WriteJSON writes v as a person can read it.
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
