// Package process describes the processes that the supervisor runs. It is plain
// data and must stay so: the supervisor writes it under its lock, and a status
// is made from copies.
package process

import "time"

// State is how far a process has come.
type State int

// The states of a process, in order.
const (
	Free     State = iota // there is no process
	Starting              // started, not yet of use
	Live                  // a worker: mapped; the player: has handed out a block
	Down                  // known to be dead or leaving, not reaped
	Exited                // reaped; its ring may still be needed
)

// Info is what the supervisor holds about one process, a worker or the player.
// Times in ns are CLOCK_MONOTONIC.
type Info struct {
	State      State
	PID        int
	Generation uint32    // counts the processes of this kind, from 1
	Begun      time.Time // when the process was started
	Since      time.Time // when State last changed
	KnownNS    int64     // when the end of the process became known; 0 until then
	Cause      string    // of the end, as reported; "" until then
	Phase      string    // what a worker was doing when its end became known
	Hung       bool      // killed, or about to be, because it made no progress
	Leaving    bool      // a worker gave its leave notice
}
