// Package bench times what the engine does for a block, across its packages: a command on its way from a datagram into the log, the
// callback, with and without a failover, and the restoring of a state. What a single package does is timed beside its code; `make
// bench` runs both.
//
// These are for whoever changes the code. What a user of a whole engine waits for is measured by the scenarios.
package bench
