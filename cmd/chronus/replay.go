//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"

	"chronus/engine/patch"
	"chronus/engine/tape"
)

// replayCmd is `chronus replay`.
type replayCmd struct {
	Tape string `arg:"" help:"A tape that chronus run --tape recorded."`
}

// Run renders the tape's commands again and holds every delivered block against them.
func (r *replayCmd) Run(out io.Writer) error {
	t, err := tape.Open(r.Tape)
	if err != nil {
		return usage(err)
	}
	defer t.Close()
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
	fmt.Fprintf(out, "%s: %d blocks of %d frames, %d commands, %d blocks lost, %d compared\n", r.Tape, res.Blocks, h.Frames, res.Commands, res.Lost, res.Compared)
	if err != nil {
		fmt.Fprintln(out, "the tape has no end: the engine was killed, or still runs")
	}
	switch {
	case res.FirstDiff != nil:
		return fmt.Errorf("first difference: %v; %d frames differ", res.FirstDiff, res.Differing)
	case res.Disagree > 0:
		return fmt.Errorf("no frame that was heard differs, but the replicas disagree in %d blocks", res.Disagree)
	case res.Gaps+res.Dups > 0:
		return fmt.Errorf("no frame differs, but %d blocks are missing and %d repeated", res.Gaps, res.Dups)
	case res.Compared == 0:
		return errors.New("nothing to compare")
	}
	_, err = fmt.Fprintln(out, "no frame differs")
	return err
}
