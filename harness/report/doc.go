// Package report writes down what a verification found: the benchfmt files that
// benchstat reads, the JSON and JUnit files that a CI reads, and the table and
// the page that a person reads. It shows what the table of package metric has.
// It must not judge: verdicts come from the gate.
package report
