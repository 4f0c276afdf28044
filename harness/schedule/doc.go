// Package schedule decides when faults happen: at absolute times drawn from a
// seeded generator, uniform over the phase of a block. It wakes threads at
// those times, and must neither know what a fault is nor wait for anything but
// time.
package schedule
