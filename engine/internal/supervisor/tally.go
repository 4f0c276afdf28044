package supervisor

import "time"

// tallyEvery is how often a kind of line may be logged.
const tallyEvery = time.Second

// tally logs what may happen hundreds of times per second: the first time at
// once, and then once per second, with how often it happened and the sum of
// what it cost. Times are those that the supervisor has observed.
type tally struct {
	n     int
	sum   int64
	log   func(n int, sum int64)
	again time.Duration // no line before
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
func (t *tally) drop() { t.n, t.sum = 0, 0 }

// flush logs what has been counted if a line is due.
func (t *tally) flush(now time.Duration) {
	if t.n == 0 || now < t.again {
		return
	}
	t.log(t.n, t.sum)
	*t = tally{again: now + tallyEvery}
}
