// Package probe reads what processes hold from /proc: descriptors, threads, memory, sessions. It takes everything from
// outside, so that an engine cannot grade itself, and it must not change anything.
package probe
