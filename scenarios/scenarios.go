// Package scenarios holds what a verification does, in one declarative file per
// scenario: which fault hits which process how often, which events each fault
// must cause, and what it may cost. Package harness/scenario loads them. It
// must not hold anything that has to be run to be understood.
package scenarios

import "embed"

// Files are the scenarios, each <name>.toml.
//
//go:embed *.toml
var Files embed.FS
