// Package control is the engine's window: HTTP on a Unix socket, with the status, a stream of events, metrics, profiles and
// whatever else the host hangs in; and the client of it.
//
// It must never hold up the engine: publishing an event takes a short lock and no more, and a reader too slow for the
// events loses its stream, not the engine its time. It must never take the socket of a live engine, nor delete a file
// that is not a dead one's socket.
package control
