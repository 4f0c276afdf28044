package rig

import (
	"bytes"
	"sync"
)

// Log is a log that may be written while a test reads it. A test that locks it
// blocks whatever writes to it.
type Log struct {
	sync.Mutex
	text bytes.Buffer
}

// Write appends a text to the log.
func (l *Log) Write(text []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	return l.text.Write(text)
}

// String returns what has been written so far.
func (l *Log) String() string {
	l.Lock()
	defer l.Unlock()
	return l.text.String()
}
