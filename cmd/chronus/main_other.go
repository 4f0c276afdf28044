//go:build !linux

// Command chronus works on Linux only. On other systems it exits with an error.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "chronus: Linux 5.16 or newer is required: "+
		"no other system has memfd, pidfd, robust futexes and futex_waitv")
	os.Exit(2)
}
