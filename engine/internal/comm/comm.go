//go:build linux

// Package comm gives a process the name that ps and top show. The host starts
// its processes through descriptors that it holds, after which the kernel would
// name them after a number. The package must do nothing else.
package comm

import (
	"os"
	"path/filepath"
)

// Set gives every thread of the process the name, of which the kernel keeps 15
// bytes. Threads started later inherit it. An error is dropped: it is a name.
func Set(name string) {
	threads, _ := filepath.Glob("/proc/self/task/*/comm")
	for _, path := range threads {
		_ = os.WriteFile(path, []byte(name), 0)
	}
}
