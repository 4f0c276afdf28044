package supervisor

import "time"

// restarts limits how fast processes that fail at once are started again. A worker that played and was killed from
// outside does not count: it is replaced without delay, however often.
type restarts struct {
	failed int       // in a row
	until  time.Time // no start before
}

const (
	firstPause = 10 * time.Millisecond
	longPause  = time.Second
	// maxFailed failures in a row, the last pauses being a second each, end the engine.
	maxFailed = 10
)

// fail counts a process that died before it was of use. False: that was one too many.
func (r *restarts) fail(now time.Time) bool {
	r.failed++
	pause := firstPause << min(r.failed-1, 10)
	r.until = now.Add(min(pause, longPause))
	return r.failed < maxFailed
}

// worked forgets earlier failures.
func (r *restarts) worked() { *r = restarts{} }

// ready says whether a start is allowed now.
func (r *restarts) ready(now time.Time) bool { return !now.Before(r.until) }
