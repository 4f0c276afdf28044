// Package osc receives OSC 1.0 packets over UDP and turns them into commands.
// It must not know what a command does.
//
// A Server owns the socket and the read loop and hands the messages of each
// datagram to a Handler. A Router is the Handler that turns a datagram into
// commands by a table of Routes and passes them on together. A Timeline maps
// time tags to frames. A Client sends.
//
// Whatever arrives is hostile until it has been checked. The package must never
// panic, never stop receiving, never start a goroutine per packet, never
// allocate as much as a packet asks for, and never use an address from outside
// as a pattern. So go-osc only encodes here: its server stops at the first
// malformed packet, its dispatcher compiles the sender's address as a regular
// expression (and panics if that fails), its bundle reader ignores element
// sizes, and its parser refuses what the specification allows (messages without
// type tags, empty blobs, arrays).
package osc
