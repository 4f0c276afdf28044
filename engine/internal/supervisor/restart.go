package supervisor

import "time"

// restarts limits how fast processes that fail before they are of use are
// started again. A worker that played and was then killed does not count: it is
// replaced without delay, however often.
type restarts struct {
	failed int       // in a row
	until  time.Time // no start before
}

const (
	firstPause = 10 * time.Millisecond
	longPause  = time.Second
	// maxFailed failures in a row end the engine; the last pauses between them
	// are a second each.
	maxFailed = 10
)

// fail counts a process that died before it was of use. It reports false if
// that was one too many.
func (r *restarts) fail(now time.Time) bool {
	r.failed++
	pause := firstPause << min(r.failed-1, 10)
	r.until = now.Add(min(pause, longPause))
	return r.failed < maxFailed
}

// worked forgets earlier failures.
func (r *restarts) worked() { *r = restarts{} }

// ready reports whether a process may be started now.
func (r *restarts) ready(now time.Time) bool { return !now.Before(r.until) }
