//go:build linux

package engine

import "chronus/engine/internal/shm"

// Build returns the build id that was linked into this executable. The host,
// the player and the workers share memory only if theirs are the same; it is
// "dev" in an executable that was built without make.
func Build() string { return shm.Build }
