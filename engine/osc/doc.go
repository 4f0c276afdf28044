// Package osc takes OSC 1.0 packets from UDP and makes commands of them. It must not know what they do.
//
// A Server owns the socket and the read loop and hands each message to a Handler; a Router is the Handler that turns
// /mod/<id>/<param>, /gate/<id> and /engine/... into Commands; a Timeline reads time tags as frames; a Client sends.
//
// Whatever arrives is hostile until checked: the package must never panic, never stop receiving, never start a
// goroutine a packet, never allocate what a packet asks for, and never use an address from outside as a pattern.
// go-osc only ever sees single messages whose structure was checked here first: its own server ends on the first
// malformed packet, its dispatcher compiles the sender's address as a regular expression (and panics if it cannot), and
// its bundle reader ignores element sizes.
package osc
