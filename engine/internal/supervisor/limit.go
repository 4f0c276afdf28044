package supervisor

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// limitLines is how many lines with the same message are logged per second.
// Processes that die as soon as they are of use, one after the other, would
// otherwise fill a disk with the same four lines.
const limitLines = 20

// limited is a handler that leaves out what exceeds limitLines. The next line
// with the same message has the number of those left out.
type limited struct {
	slog.Handler
	*counts
}

// counts are those of a handler and of all that were derived from it.
type counts struct {
	mu sync.Mutex
	of map[string]count // by message
}

type count struct {
	second  time.Time
	lines   int
	leftOut int
}

func limit(h slog.Handler) slog.Handler { return limited{h, &counts{of: map[string]count{}}} }

func (l limited) Handle(ctx context.Context, r slog.Record) error {
	leftOut, ok := l.take(r.Message, r.Time)
	if !ok {
		return nil
	}
	if leftOut > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("left_out", leftOut))
	}
	return l.Handler.Handle(ctx, r)
}

// take reports whether a line may be logged, and how many were left out since
// the last one.
func (c *counts) take(message string, now time.Time) (leftOut int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.of[message]
	if now.Sub(n.second) >= time.Second {
		n.second, n.lines = now, 0
	}
	if n.lines == limitLines {
		n.leftOut++
		c.of[message] = n
		return 0, false
	}
	leftOut, n.leftOut = n.leftOut, 0
	n.lines++
	c.of[message] = n
	return leftOut, true
}

func (l limited) WithAttrs(attrs []slog.Attr) slog.Handler {
	return limited{l.Handler.WithAttrs(attrs), l.counts}
}

func (l limited) WithGroup(name string) slog.Handler {
	return limited{l.Handler.WithGroup(name), l.counts}
}
