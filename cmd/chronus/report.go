//go:build linux

package main

import (
	"fmt"
	"io"

	"chronus/harness/report"
)

// reportCmd is `chronus report`.
type reportCmd struct {
	Dir string `arg:"" optional:"" help:"Directory that chronus verify wrote to." default:"results/latest" placeholder:"DIR"`
}

// Run writes report.html from the other files in the directory.
func (r *reportCmd) Run(out io.Writer) error {
	file, err := report.WriteHTML(r.Dir)
	if err != nil {
		return usage(err)
	}
	_, err = fmt.Fprintln(out, file)
	return err
}
