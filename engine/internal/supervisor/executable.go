package supervisor

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Executable is a program that is held open, so that what is started is always
// what was found first, even after the file has been replaced or removed. A
// child reaches it through a descriptor of its own: a process may follow the
// links of those whatever its rights.
type Executable struct {
	path string
	file *os.File
}

// OpenExecutable finds a program.
func OpenExecutable(path string) (*Executable, error) {
	if err := unix.Access(path, unix.X_OK); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return &Executable{path: path, file: os.NewFile(uintptr(fd), path)}, nil
}

// Close lets go of the file.
func (e *Executable) Close() { _ = e.file.Close() }
