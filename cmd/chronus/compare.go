//go:build linux

package main

import (
	"io"

	"chronus/harness/gate"
)

// compareCmd is `chronus compare`.
type compareCmd struct {
	Old     string `arg:"" help:"Results of the old revision: a runs.txt or its directory." placeholder:"FILE"`
	New     string `arg:"" help:"Results of the new revision." placeholder:"FILE"`
	MinRuns int    `help:"Engine processes needed per scenario and side." default:"${minRuns}" placeholder:"N"`
}

// Run compares the two and fails if the new revision is worse.
func (c *compareCmd) Run(out io.Writer) error {
	if err := least(number{"min-runs", c.MinRuns, 1}); err != nil {
		return usage(err)
	}
	result, err := gate.Compare(c.Old, c.New, c.MinRuns)
	if err != nil {
		return usage(err)
	}
	err = result.WriteText(out)
	if err == nil && len(result.Failures) > 0 {
		return &exitError{code: exitFail}
	}
	return err
}
