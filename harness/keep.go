package harness

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"chronus/harness/gate"
	"chronus/harness/target"
)

// keep moves what a failed run left to the folder of failures. What went well is removed with the rest.
func (s *session) keep() error {
	if gate.Clean(s.scenario, s.run) {
		return nil
	}
	to := filepath.Join(s.cfg.Out, failuresDir, fmt.Sprintf("%s-%d", s.scenario.Name, s.run.Run))
	if err := os.MkdirAll(to, 0o755); err != nil {
		return fmt.Errorf("harness: %w", err)
	}
	for _, name := range []string{target.TapeFile, target.WAVFile, target.LogFile, soundFile} {
		if err := move(filepath.Join(s.dir, name), filepath.Join(to, name)); err != nil {
			return fmt.Errorf("harness: %w", err)
		}
	}
	s.run.Dir = to
	return nil
}

// move renames, or copies where that crosses file systems. A file that is not there is nobody's loss.
func move(from, to string) error {
	err := os.Rename(from, to)
	if err == nil || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return copyFile(from, to)
}

func copyFile(from, to string) error {
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
