// Package schedule says when faults happen: at absolute times drawn from a seeded generator, uniform over the phase of a
// block. It holds the harness's one clock. It must not know what a fault is, nor wait for anything but time.
package schedule
