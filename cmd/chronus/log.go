//go:build linux

package main

import (
	"io"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	logQueue  = 1024                   // lines that may wait for a slow reader; what comes then is lost and counted
	lastLines = 500 * time.Millisecond // for what is queued at the end
)

// newLog returns a logger, as text or as JSON, that never waits: with a stopped terminal or a full pipe behind it, lines
// are lost and later counted in one line; with a closed one, all are. To be called at the end: the second result.
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
	go q.run(w, func(n uint64) { direct.Warn("lines of the log are missing here: nobody read them", "lines", n) })
	return slog.New(handler(q)), q.end
}

// logWriter writes on a goroutine of its own what is written to it, a line a call.
type logWriter struct {
	lines      chan []byte
	lost       atomic.Uint64
	quit, done chan struct{}
}

// Write implements io.Writer. It neither waits nor fails.
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
		_, _ = w.Write(line) // where would one say that the log cannot be written?
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

// end waits, not for long, until everything is written. What is logged afterwards may be lost.
func (q *logWriter) end() {
	close(q.quit)
	select {
	case <-q.done:
	case <-time.After(lastLines):
	}
}
