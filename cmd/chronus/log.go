//go:build linux

package main

import (
	"io"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	// logQueue is how many lines may wait for a slow reader. Further lines are
	// dropped and counted.
	logQueue = 1024
	// lastLines is how long the queue may take to drain at the end.
	lastLines = 500 * time.Millisecond
)

// newLog returns a logger that writes text or JSON and never blocks, and a
// function that flushes it, to be called once at the end. If the log is a
// stopped terminal or a full pipe, lines are dropped, and one line later gives
// their number; if it is closed, all lines are dropped.
func newLog(w io.Writer, json bool, level slog.Level) (*slog.Logger, func()) {
	options := &slog.HandlerOptions{Level: level}
	handler := func(w io.Writer) slog.Handler {
		if json {
			return slog.NewJSONHandler(w, options)
		}
		return slog.NewTextHandler(w, options)
	}
	direct := slog.New(handler(w))
	q := &logWriter{lines: make(chan []byte, logQueue), quit: make(chan struct{}), done: make(chan struct{})}
	go q.run(w, func(n uint64) {
		direct.Warn("log lines were dropped here because the log was not read", "lines", n)
	})
	return slog.New(handler(q)), q.end
}

// logWriter passes the lines that are written to it, one per call, to a
// goroutine that writes them.
type logWriter struct {
	lines      chan []byte
	lost       atomic.Uint64
	quit, done chan struct{}
}

// Write implements io.Writer. It neither blocks nor fails.
func (q *logWriter) Write(line []byte) (int, error) {
	select {
	case q.lines <- append([]byte(nil), line...):
	default:
		q.lost.Add(1)
	}
	return len(line), nil
}

func (q *logWriter) run(w io.Writer, lost func(uint64)) {
	defer close(q.done)
	write := func(line []byte) {
		_, _ = w.Write(line) // a log that cannot be written has nowhere to say so
		if n := q.lost.Swap(0); n > 0 {
			lost(n)
		}
	}
	for {
		select {
		case line := <-q.lines:
			write(line)
		case <-q.quit:
			for {
				select {
				case line := <-q.lines:
					write(line)
				default:
					return
				}
			}
		}
	}
}

// end waits until every line is written, but no longer than lastLines. Lines
// that are logged afterwards may be lost.
func (q *logWriter) end() {
	close(q.quit)
	select {
	case <-q.done:
	case <-time.After(lastLines):
	}
}
