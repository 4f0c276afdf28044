// Package control is the engine's window: HTTP on a Unix socket, with the
// status, a stream of events, metrics, profiles and any pages that the host
// adds; and the client for it.
//
// It must never hold up the engine: publishing an event takes a short lock and
// no more, and a reader that is too slow for the events loses its stream. It
// must never take the socket of a live engine, nor delete a file that is not a
// dead engine's socket.
package control
