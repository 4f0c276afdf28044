package supervisor

import "time"

// tallyEvery is how often a kind of line may be logged, and tallyMost how often
// it still is if it lasts.
const (
	tallyEvery = time.Second
	tallyMost  = time.Minute
)

// tally logs what may happen hundreds of times per second: the first time at
// once, and then once per second, with how often it happened and the sum of
// what it cost. Times are those that the supervisor has observed.
type tally struct {
	lasts bool // it may go on for hours: the pause doubles with every line, until drop
	n     int
	sum   int64
	log   func(n int, sum int64)
	again time.Duration // no line before
	pause time.Duration // after the last line
}

// add counts one occurrence. log writes the line that stands for it and for all
// others that were counted by then.
func (t *tally) add(now time.Duration, log func(n int, sum int64)) { t.addSum(now, 0, log) }

// addSum is add with what the occurrence cost.
func (t *tally) addSum(now time.Duration, cost int64, log func(n int, sum int64)) {
	t.n, t.sum, t.log = t.n+1, t.sum+cost, log
	t.flush(now)
}

// drop forgets what has been counted and not logged: it is over.
func (t *tally) drop() { t.n, t.sum, t.pause = 0, 0, 0 }

// flush logs what has been counted if a line is due.
func (t *tally) flush(now time.Duration) {
	if t.n == 0 || now < t.again {
		return
	}
	t.log(t.n, t.sum)
	if t.pause == 0 || !t.lasts {
		t.pause = tallyEvery
	} else {
		t.pause = min(2*t.pause, tallyMost)
	}
	t.n, t.sum, t.log, t.again = 0, 0, nil, now+t.pause
}
