//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"
)

const (
	logQueue = 1024 // lines
	// logPatience is how long the end waits for whoever reads the log.
	logPatience = 200 * time.Millisecond
)

// logLines is a log that never holds up who writes it: a pipe that nobody empties, or a terminal that was stopped, must not stop
// the supervisor. What does not fit into its queue is lost, and counted in a line of its own.
type logLines struct {
	out   io.Writer
	queue chan []byte
	lost  atomic.Uint64
	end   chan struct{}
	ended chan struct{}
}

func newLogLines(out io.Writer) *logLines {
	l := &logLines{out: out, queue: make(chan []byte, logQueue), end: make(chan struct{}), ended: make(chan struct{})}
	go l.run()
	return l
}

// Write takes one line. It always succeeds.
func (l *logLines) Write(line []byte) (int, error) {
	select {
	case l.queue <- slices.Clone(line):
	default:
		l.lost.Add(1)
	}
	return len(line), nil
}

// close writes out what is queued, unless nobody takes it. Lines that come later are lost.
func (l *logLines) close() {
	close(l.end)
	select {
	case <-l.ended:
	case <-time.After(logPatience):
	}
}

func (l *logLines) run() {
	defer close(l.ended)
	for {
		select {
		case line := <-l.queue:
			l.print(line)
			continue
		default:
		}
		select {
		case line := <-l.queue:
			l.print(line)
		case <-l.end:
			return
		}
	}
}

func (l *logLines) print(line []byte) {
	_, _ = l.out.Write(line) // a closed pipe or a terminal that is gone: there is nobody to tell
	if n := l.lost.Swap(0); n > 0 {
		fmt.Fprintf(l.out, "chronus: %d lines of the log were lost: nobody read them in time\n", n)
	}
}
