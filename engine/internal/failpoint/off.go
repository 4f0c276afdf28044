//go:build !failpoints

package failpoint

import "sync/atomic"

// Enabled reports whether this build has failpoints.
const Enabled = false

// Watch does nothing in this build.
func Watch(*atomic.Uint64, uint32) {}

// Hit does nothing in this build.
func Hit(Point) {}
