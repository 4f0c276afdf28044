package osc

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// Notice is one kind of mistake that may come in floods. It writes the first
// line at once and then at most one per second, which names the latest mistake
// and counts the others; Flush writes what is pending, so that the last mistake
// is never left out. The zero value writes nothing. It may be used by several
// goroutines.
type Notice struct {
	// Write takes a line of bounded length without control characters. It must
	// not block. It is set before the first Add.
	Write func(line string)

	mu      sync.Mutex
	written bool
	atNS    int64
	latest  string
	pending uint64
}

const noticeEveryNS = int64(time.Second)

// Add reports one more mistake at now, CLOCK_MONOTONIC in ns, and whether its
// line was written.
func (n *Notice) Add(now int64, line string) bool {
	if n.Write == nil {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.latest = line
	n.pending++
	return n.flush(now)
}

// Flush writes the pending line if a second has passed since the last one. It
// is to be called about once per second, and with the largest int64 at the end.
func (n *Notice) Flush(now int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.pending > 0 {
		n.flush(now)
	}
}

func (n *Notice) flush(now int64) bool {
	if n.written && now-n.atNS < noticeEveryNS {
		return false
	}
	line := oneLine(n.latest)
	if n.pending > 1 {
		line = fmt.Sprintf("%s (and %d more before it)", line, n.pending-1)
	}
	n.written, n.atNS, n.pending = true, now, 0
	n.Write(line)
	return true
}

// oneLine makes s, which may quote an unknown sender, a line of bounded length
// without control characters.
func oneLine(s string) string {
	const most = 400
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
