// Package report writes down what a verification found: the benchfmt files that benchstat reads, the two JSON files that a CI
// reads, and the table that a person reads at a glance. It holds the one table of metrics from which all of them and the gate
// are made. It must not judge: verdicts come from the gate.
package report
