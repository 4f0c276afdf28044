// Package probe reports what processes hold, as /proc shows it: descriptors,
// threads, memory, the members of a session. It looks only from outside, so
// that an engine cannot grade itself, and it must not change anything.
package probe
