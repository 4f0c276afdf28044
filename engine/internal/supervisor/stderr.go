package supervisor

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// A process that writes to stderr has said what it wanted to when it has
	// paused for saidPause, or has ended.
	saidPause = 100 * time.Millisecond
	saidEvery = time.Second // at most one line of the log per process in this time
	saidLines = 4           // that are quoted; a Go program that aborts writes hundreds
	saidBytes = 160         // per quoted line
)

// stderr is the standard error of a child. All that it writes goes through the
// log: one line per event, cut short, at most one per second, so that a log in
// JSON stays one. At level debug there is a line for each of its lines as well.
type stderr struct {
	log  *slog.Logger
	args []any

	mu    sync.Mutex
	lines int      // since the last line of the log
	head  []string // the first of them
	last  time.Time
	timer *time.Timer
	rest  []byte // of a line without an end
}

// newStderr returns the writing end of a child's standard error, to be closed
// once the child has it. Without a descriptor to spare the child writes to
// /dev/null.
func newStderr(log *slog.Logger, args ...any) *os.File {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil
	}
	_ = unix.SetNonblock(ends[0], true) // so that waiting for it takes no thread
	from := os.NewFile(uintptr(ends[0]), "stderr of a child")
	s := &stderr{log: log, args: args}
	go s.copy(from)
	return os.NewFile(uintptr(ends[1]), "stderr of a child")
}

// copy takes what the child writes until it has ended.
func (s *stderr) copy(from *os.File) {
	defer from.Close()
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		s.take(buf[:n])
		if err != nil {
			break
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.rest) > 0 {
		s.line(s.rest)
	}
	s.say()
}

func (s *stderr) take(text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(text) > 0 {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		if room := saidBytes - len(s.rest); room > 0 {
			s.rest = append(s.rest, line[:min(room, len(line))]...)
		}
		if !whole {
			return
		}
		s.line(s.rest)
		s.rest, text = s.rest[:0], rest
	}
}

// line takes note of a line, and has it logged when the child pauses.
func (s *stderr) line(text []byte) {
	clean := strings.TrimSpace(strings.ToValidUTF8(string(text), "?"))
	if clean == "" {
		return
	}
	s.lines++
	if len(s.head) < saidLines {
		s.head = append(s.head, clean)
	}
	if s.log.Enabled(context.Background(), slog.LevelDebug) {
		s.log.Debug("written to stderr", append([]any{"text", clean}, s.args...)...)
	}
	if s.timer == nil {
		wait := max(saidPause, saidEvery-time.Since(s.last))
		s.timer = time.AfterFunc(wait, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.say()
		})
	}
}

// say logs what has come since the last time.
func (s *stderr) say() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if s.lines == 0 {
		return
	}
	text := strings.Join(s.head, " | ")
	if more := s.lines - len(s.head); more > 0 {
		text += fmt.Sprintf(" | and %d more lines", more)
	}
	s.log.Warn("a process wrote to stderr", append([]any{"text", text}, s.args...)...)
	s.lines, s.head, s.last = 0, nil, time.Now()
}
