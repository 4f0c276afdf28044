package supervisor

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Executable is a program that is held open, so that what is started is always
// what was found first, even after the file has been replaced or removed.
type Executable struct {
	path string
	file *os.File
}

// lowestFile is above every descriptor that a child is given: putting those in
// their places must not close the program before it is executed.
const lowestFile = 64

// OpenExecutable finds a program.
func OpenExecutable(path string) (*Executable, error) {
	if err := unix.Access(path, unix.X_OK); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	defer func() { _ = unix.Close(fd) }()
	high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, lowestFile)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return &Executable{path: path, file: os.NewFile(uintptr(high), path)}, nil
}

// name returns the path by which a child of this process reaches the program.
// A process may follow the links of its own descriptors whatever its rights.
func (e *Executable) name() string { return fmt.Sprintf("/proc/self/fd/%d", e.file.Fd()) }

// Close lets go of the file.
func (e *Executable) Close() { _ = e.file.Close() }
