//go:build linux

package main

import (
	"fmt"
	"io"

	"chronus/harness/gate"
)

// compareCmd is `chronus compare`.
type compareCmd struct {
	Old     string `arg:"" help:"Results of the old revision: a runs.txt or its folder."`
	New     string `arg:"" help:"Results of the new one."`
	MinRuns int    `help:"Engine processes that each scenario must have on both sides." default:"${minRuns}" placeholder:"N"`
}

// Run compares and judges.
func (c *compareCmd) Run(out io.Writer) error {
	if c.MinRuns < 1 {
		return usage(fmt.Errorf("--min-runs %d: must be 1 or more", c.MinRuns))
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
