// Package shm is the ground of the data path: memfd regions with one writer each, read-only views of them, futexes, and
// the one place that knows the shared layout.
//
// It holds the only unsafe code and the only system calls of the data path. It knows nothing of audio: what a region
// means is said by the packages above it (cmdlog, ring, player).
//
// Three kinds of region exist, and each has exactly one writing process:
//
//	host    the host writes: geometry, activation words, the command log
//	player  the player writes: seals, playout, activation words, events, delivered blocks
//	ring    one worker writes: robust futex, cursor, blocks with the state after each
//
// Everybody maps the regions of the others through a descriptor that was opened read-only, so a stray store into them is
// a fault in the process that strays and not a change in somebody else's memory. The memfds are sealed against resizing:
// nobody can make another's access a SIGBUS. All numbers are little-endian; both machines Chronus runs on are.
package shm
