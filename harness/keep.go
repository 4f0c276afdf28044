package harness

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"chronus/harness/record"
)

// Folders for what is kept, below that of the reports.
const (
	failuresDir = "failures"
	keptDir     = "kept"
)

// kept returns the folder of what is kept of one engine process.
func kept(below string, rec *record.Record) string {
	return filepath.Join(below, fmt.Sprintf("%s-%d", rec.Scenario, rec.Run))
}

// keep moves a record and the files that belong to it from one folder to
// another.
func keep(rec *record.Record, from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return fmt.Errorf("harness: %w", err)
	}
	for _, name := range []string{record.File, rec.Files.Tape, rec.Files.Sound, rec.Files.Listener, rec.Files.Log} {
		if name == "" {
			continue
		}
		if err := move(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
			return fmt.Errorf("harness: %w", err)
		}
	}
	return nil
}

// move renames a file, or copies it if that crosses file systems.
func move(from, to string) error {
	if os.Rename(from, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
