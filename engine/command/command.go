// Package command holds the record of a command on its way from an OSC datagram
// to the command log, so that every stage passes on the same value. It imports
// nothing and must not know what a command does.
package command

// Untimed is the Frame of a command that carries no time. It takes effect at
// the start of the block that takes it. The command log and the tape write the
// same number.
const Untimed int64 = -1

// Command is a new value for one word of the state arena. Commands that arrive
// in one datagram travel as one slice.
type Command struct {
	Address uint32 // word of the arena
	Value   float64
	RecvNS  int64 // CLOCK_MONOTONIC at which its datagram was read, in ns
	Frame   int64 // absolute frame at which it takes effect, or Untimed
}

// Timed reports whether c is meant for a frame of its own.
func (c *Command) Timed() bool { return c.Frame >= 0 }
