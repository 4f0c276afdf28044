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

// DefaultPath returns where the control socket is by default:
// $XDG_RUNTIME_DIR/chronus/control.sock, or /tmp/chronus-UID/control.sock if
// that variable is unset or not absolute, in which case its specification has
// it ignored.
func DefaultPath() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "chronus", socketName)
	}
	return filepath.Join("/tmp", "chronus-"+strconv.Itoa(os.Getuid()), socketName)
}

// socketAddress returns path as bind(2) and connect(2) take it.
func socketAddress(path string) (string, error) {
	switch {
	case path == "":
		return "", errors.New("control: the path of the socket is empty")
	case strings.IndexByte(path, 0) >= 0:
		return "", fmt.Errorf("control: %q: the path contains a zero byte", path)
	}
	address := path
	if strings.HasPrefix(path, "@") { // package net would use the abstract namespace
		address = "./" + path
	}
	if len(address) > maxPath {
		return "", fmt.Errorf("control: %s: the path has %d bytes, a socket's may have %d",
			path, len(address), maxPath)
	}
	return address, nil
}

// cause strips from the error of a system call what the caller words better.
func cause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
