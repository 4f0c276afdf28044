// Package shm is the ground of the data path: memfd regions with one writer
// each, read-only views of them, futexes, and the one description of the shared
// layout.
//
// All unsafe code and all system calls of the data path are here, except the
// reading of the clock (package clock). The package must not depend on what a
// region means: that is defined by the packages above it (cmdlog, ring,
// player).
//
// There are three kinds of region, and each has exactly one writing process:
//
//	host    written by the host: geometry, activation words, command log
//	player  written by the player: seals, playout, activation words,
//	        events, delivered blocks
//	ring    written by one worker: robust futex, cursor, and blocks with
//	        the state after each
//
// Every process maps the regions of the others through a descriptor that was
// opened read-only, so a stray store into one is a fault in the process that
// strays and not a change in another process's memory. The memfds are sealed
// against resizing, so no process can turn another's access into a SIGBUS. All
// numbers are little-endian, as are both architectures that Chronus runs on.
package shm
