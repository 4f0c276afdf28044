// Package bench times what the engine does per block across its packages: a
// command on its way from a datagram into the log, the callback, with and
// without a failover, and restoring a state. What a single package does is
// timed beside its code; `make bench` runs both.
//
// The benchmarks are for people who change the code. They must not measure what
// the user of a complete engine waits for, because the scenarios do.
package bench
