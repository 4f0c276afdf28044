package control

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	socketName = "control.sock"
	maxPath    = 107 // sun_path has 108 bytes, one of them the zero at its end (unix(7))
)

// DefaultPath is where the control socket is unless told otherwise: $XDG_RUNTIME_DIR/chronus/control.sock, or
// /tmp/chronus-UID/control.sock where that variable is unset or, as its specification has it, to be ignored for not
// being absolute.
func DefaultPath() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "chronus", socketName)
	}
	return filepath.Join("/tmp", "chronus-"+strconv.Itoa(os.Getuid()), socketName)
}

// socketAddress is path as bind(2) and connect(2) take it.
func socketAddress(path string) (string, error) {
	switch {
	case path == "":
		return "", errors.New("control: no path for the socket")
	case strings.IndexByte(path, 0) >= 0:
		return "", fmt.Errorf("control: %q: zero byte in the path", path)
	}
	address := path
	if strings.HasPrefix(path, "@") { // which package net takes for the abstract namespace
		address = "./" + path
	}
	if len(address) > maxPath {
		return "", fmt.Errorf("control: %s: the path has %d bytes, a socket's at most %d", path, len(address), maxPath)
	}
	return address, nil
}

// cause strips what the caller names better off an error of a system call.
func cause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
