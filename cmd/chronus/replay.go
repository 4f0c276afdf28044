//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"chronus/engine/patch"
	"chronus/engine/tape"
)

// replayCmd is `chronus replay`.
type replayCmd struct {
	Tape string `arg:"" help:"Tape that chronus run --tape recorded." placeholder:"FILE"`
	WAV  string `name:"wav" help:"Write what was delivered to a WAV file of 32-bit floats." placeholder:"FILE"`
}

// Run renders the tape's commands again and compares the result with every
// delivered block.
func (r *replayCmd) Run(out io.Writer) error {
	t, err := tape.Open(r.Tape)
	if err != nil {
		return usage(err)
	}
	defer t.Close()
	if r.WAV == "" {
		return r.compare(out, t)
	}
	if r.overwrites() {
		return usage(fmt.Errorf("--wav %s: this is the tape itself", r.WAV))
	}
	wav, err := tape.NewExport(t, r.WAV)
	if err != nil {
		return usage(fmt.Errorf("--wav: %w", err))
	}
	verdict := r.compare(out, t)
	written, err := wav.Close()
	length := time.Duration(float64(written.Frames) / float64(t.Header().Rate) * 1e9).Round(time.Millisecond)
	fmt.Fprintf(out, "%s: %d frames (%s) at %d Hz", r.WAV, written.Frames, length, t.Header().Rate)
	if written.Missing > 0 {
		fmt.Fprintf(out, ", with silence for %d blocks that are not on the tape", written.Missing)
	}
	fmt.Fprintln(out)
	switch {
	case err != nil && verdict != nil:
		return fmt.Errorf("%w; --wav %s: %w", verdict, r.WAV, err)
	case err != nil:
		return fmt.Errorf("--wav %s: %w", r.WAV, err)
	}
	return verdict
}

// overwrites reports whether the sound file is the tape, under any name.
func (r *replayCmd) overwrites() bool {
	a, errA := os.Stat(r.Tape)
	b, errB := os.Stat(r.WAV)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

func (r *replayCmd) compare(out io.Writer, t *tape.Reader) error {
	h := t.Header()
	p, err := patch.Parse(h.Patch, []byte(h.PatchText))
	if err != nil {
		return usage(fmt.Errorf("%s: %w", r.Tape, err))
	}
	c, err := p.Compile(h.Rate, h.Frames)
	if err != nil {
		return usage(fmt.Errorf("%s: %w", r.Tape, err))
	}
	res, err := tape.Replay(t, c.Program, nil)
	if err != nil && !errors.Is(err, tape.ErrUnfinished) {
		return usage(err)
	}
	fmt.Fprintf(out, "%s: %d blocks of %d frames, %d commands, %d blocks lost, %d frames compared\n",
		r.Tape, res.Blocks, h.Frames, res.Commands, res.Lost, res.Compared)
	if err != nil {
		fmt.Fprintln(out, "the tape has no end: the engine was killed, its disk was full, or it is still running")
	}
	switch {
	case res.FirstDiff != nil:
		return fmt.Errorf("first difference: %v; %d frames differ", res.FirstDiff, res.Differing)
	case res.Disagree > 0:
		return fmt.Errorf("no delivered frame differs, but the replicas disagree in %d blocks", res.Disagree)
	case res.Gaps+res.Dups > 0:
		return fmt.Errorf("no frame differs, but %d blocks are missing and %d are repeated", res.Gaps, res.Dups)
	case res.Compared == 0:
		return errors.New("nothing to compare")
	}
	_, err = fmt.Fprintln(out, "no frame differs")
	return err
}
