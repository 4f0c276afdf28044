//go:build !linux

// Command chronus runs on Linux only.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "chronus: Linux 5.16 or newer only: it stands on memfd, pidfd, robust futexes and futex_waitv, which no other system has")
	os.Exit(2)
}
