// Package floor measures what the machine itself can do while an engine is
// tested on it. An engine's times are judged as ratios to these figures,
// because absolute times do not carry over from one machine to another. It
// measures
//
//   - the time from kill(2) of a trivial process until its pidfd is readable,
//   - the time from fork(2) of a trivial child until the child stands before
//     its first instruction,
//   - how late a thread wakes from a bare sleep to an absolute time, on each
//     CPU.
//
// All of it happens in a process of its own, so that neither the engine's work
// nor the harness's shows in the figures: the harness calls [Start], the
// process runs [Serve], and for each request they exchange one line of JSON
// each way over the process's standard input and output. The package must not
// know anything of the engine.
package floor
