// Package floor measures what the machine itself can do while an engine is tested on it: how soon a pidfd tells the death of
// a trivial process, how soon one that is started stands before its first instruction, and how late a bare sleep to an absolute
// time ends, once for each processor. It knows nothing of the engine and runs in a process of its own, so that neither the engine's
// nor the harness's work shows in its figures.
//
// The harness starts that process with Start; the process runs Serve. They speak one line of JSON each way over its standard
// input and output.
package floor
