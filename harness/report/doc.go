// Package report writes down what a verification found: the benchfmt files that benchstat reads, the JSON and JUnit files that a
// CI reads, and the table and the page that a person reads. It holds the one table of metrics from which all of them, the gate
// and the table in results/README.md are made. It must not judge: verdicts come from the gate.
package report

//go:generate go test . -run TestTheReadmeHasTheTableOfMetrics -update
