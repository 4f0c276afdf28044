package mutants

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"chronus/harness/report"
)

// overlay writes the edited files of m into dir and returns the path of the
// overlay's file. root is the folder of go.mod.
func (m *Mutant) overlay(root, dir string) (string, error) {
	edited := map[string]string{}
	for i, e := range m.Edits {
		source := filepath.Join(root, e.File)
		from := source
		if before, ok := edited[source]; ok {
			from = before
		}
		text, err := os.ReadFile(from)
		if err != nil {
			return "", fmt.Errorf("mutants: %q: %w", m.Name, err)
		}
		if n := strings.Count(string(text), e.Old); n != 1 {
			return "", fmt.Errorf("mutants: %q: %s contains the text of edit %d %d times, not once: %q",
				m.Name, e.File, i+1, n, e.Old)
		}
		to := filepath.Join(dir, fmt.Sprintf("%d-%s", i, filepath.Base(e.File)))
		if err := os.WriteFile(to, []byte(strings.Replace(string(text), e.Old, e.New, 1)), 0o644); err != nil {
			return "", fmt.Errorf("mutants: %w", err)
		}
		edited[source] = to
	}
	list, err := json.Marshal(map[string]any{"Replace": edited})
	if err != nil {
		return "", fmt.Errorf("mutants: %w", err)
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, list, 0o644)
}

// build compiles the mutated engine, and the harness with it, into dir.
func (m *Mutant) build(ctx context.Context, root, dir string) error {
	overlay, err := m.overlay(root, dir)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "-o", dir+"/",
		"./cmd/chronus", "./cmd/chronus-worker", "./cmd/chronus-player")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0", "GOAMD64=v1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mutants: %q does not build: %w\n%s", m.Name, err, out)
	}
	return nil
}

// ErrSurvived means that the mutant's scenario did not fail by the assertion
// that must catch it.
var ErrSurvived = errors.New("survived")

// Run builds the mutant and lets its own `chronus verify` judge it. It returns
// nil if the mutant was caught, and for the right reason.
func (m *Mutant) Run(ctx context.Context, root, dir string) error {
	if err := m.build(ctx, root, dir); err != nil {
		return err
	}
	out := filepath.Join(dir, "results")
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "chronus"), "verify", "--run", "^"+m.Scenario+"$",
		"--count", fmt.Sprint(m.Cycles), "--processes", "2", "--seed", "1", "--out", out)
	cmd.Dir = root
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that it ends its engines
	cmd.WaitDelay = 10 * time.Second
	printed, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("mutants: %q: %w", m.Name, err)
	}
	text, err := os.ReadFile(filepath.Join(out, "verdict.json"))
	if err != nil {
		return fmt.Errorf("mutants: %q: no verdict: %w\n%s", m.Name, err, printed)
	}
	var sum report.Summary
	if err := json.Unmarshal(text, &sum); err != nil {
		return fmt.Errorf("mutants: %q: %w", m.Name, err)
	}
	if sum.Verdict != report.Fail || exit == nil || exit.ExitCode() != 1 {
		return fmt.Errorf("%w: the verdict is %q", ErrSurvived, sum.Verdict)
	}
	var failed []string
	for _, f := range sum.Failures {
		if f.Assertion == m.Assertion {
			return nil
		}
		failed = append(failed, f.Assertion)
	}
	return fmt.Errorf("%w %s: what failed is %s", ErrSurvived, m.Assertion, strings.Join(failed, ", "))
}

// RunAll runs the mutants whose name contains match, one after the other, and
// prints a line per mutant. It returns how many were not caught.
func RunAll(ctx context.Context, root, match string, out io.Writer) (survived int, err error) {
	if root, err = filepath.Abs(root); err != nil {
		return 0, fmt.Errorf("mutants: %w", err)
	}
	ran := 0
	for i := range All {
		m := &All[i]
		if !strings.Contains(m.Name, match) {
			continue
		}
		ran++
		dir, err := os.MkdirTemp("", "chronus-mutant-")
		if err != nil {
			return survived, fmt.Errorf("mutants: %w", err)
		}
		start := time.Now()
		err = m.Run(ctx, root, dir)
		_ = os.RemoveAll(dir)
		switch {
		case ctx.Err() != nil:
			return survived, fmt.Errorf("mutants: %w", context.Cause(ctx))
		case errors.Is(err, ErrSurvived):
			survived++
			fmt.Fprintf(out, "SURVIVED  %-24s %-22s %s: %v\n", m.Scenario, m.Assertion, m.Name, err)
		case err != nil:
			return survived, err
		default:
			fmt.Fprintf(out, "caught    %-24s %-22s %s (%.0f s)\n", m.Scenario, m.Assertion, m.Name, time.Since(start).Seconds())
		}
	}
	if ran == 0 {
		return 0, fmt.Errorf("mutants: no name contains %q", match)
	}
	fmt.Fprintf(out, "%d of %d mutants caught\n", ran-survived, ran)
	return survived, nil
}
