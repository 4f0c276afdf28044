package cmdlog

import (
	"sync"

	"chronus/engine/shm"
)

// QueueLength is how many commands may wait in the host for room in the log.
const QueueLength = 4096

// Queue stands between whoever receives commands and the log. It never blocks: what does not fit is refused, the newest
// first, and counted by the caller.
type Queue struct {
	mu      sync.Mutex
	w       *Writer
	waiting []Command
	ends    []int // lengths of the waiting bundles, in order
	// Committed is told of every command that has got its place in the log, in order.
	committed func(index uint64, c Command)
}

// NewQueue puts a queue before w. committed may be nil.
func NewQueue(w *Writer, committed func(index uint64, c Command)) *Queue {
	return &Queue{w: w, committed: committed}
}

// Push queues the commands of one bundle, to be applied together, and passes on what fits. False: all of them refused,
// because the queue is full or no block could ever take so many.
func (q *Queue) Push(bundle ...Command) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(bundle) == 0 {
		return true
	}
	if len(bundle) > shm.HeadRoom || len(q.waiting)+len(bundle) > QueueLength {
		return false
	}
	q.waiting = append(q.waiting, bundle...)
	q.ends = append(q.ends, len(bundle))
	q.drain()
	return true
}

// Drain passes on what fits now and says how many still wait.
func (q *Queue) Drain() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.ends) > 0 {
		q.drain()
	}
	return len(q.waiting)
}

func (q *Queue) drain() {
	room := q.w.Room()
	taken, bundles := 0, 0
	for _, n := range q.ends {
		if taken+n > room {
			break
		}
		for _, c := range q.waiting[taken : taken+n] {
			if q.committed != nil {
				q.committed(q.w.Head(), c)
			}
			q.w.Append(c)
		}
		taken += n
		bundles++
	}
	if bundles == 0 {
		return
	}
	q.w.Commit()
	q.waiting = append(q.waiting[:0], q.waiting[taken:]...)
	q.ends = append(q.ends[:0], q.ends[bundles:]...)
}
