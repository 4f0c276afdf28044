package cmdlog

import (
	"cmp"
	"slices"
	"sync"

	"chronus/engine/internal/shm"
)

const (
	// QueueLength is how many commands may wait in the host, for room in the log or for their time.
	QueueLength = 4096
	// HeldLength is how many of them may wait for their time: however much is planned, what is to happen now has room.
	HeldLength = QueueLength * 3 / 4
)

// Queue stands between whoever receives commands and the log. It never blocks: what does not fit is refused, the newest
// first, and counted by the caller.
//
// A timed command waits here until its frame is a quarter of a second and the lead ahead of the last seal: late enough that the
// few places in a worker's state do, early enough that a host which is not scheduled for long does not make it late.
type Queue struct {
	mu      sync.Mutex
	w       *Writer
	now     []bundle // not timed, in the order they came
	held    []bundle // timed, by time, then in the order they came
	pushed  uint64   // bundles
	waiting int      // commands
	timed   int      // those of them in held
	ahead   int64    // frames
	waits   chan struct{}
	// Committed is told of every command that has got its place in the log, in order.
	committed func(index uint64, c Command)
}

// bundle is commands that take effect at one instant: they get into the log together, and under one seal.
type bundle struct {
	number   uint64 // in the order they came
	time     int64  // the frame, or for what came late the first that was not sealed then
	commands []Command
}

// NewQueue puts a queue before w. committed may be nil.
func NewQueue(w *Writer, committed func(index uint64, c Command)) *Queue {
	geo := &w.host.Geo
	return &Queue{w: w, committed: committed, waits: make(chan struct{}, 1), ahead: int64(geo.Rate/4 + geo.Lead*geo.Frames)}
}

// Push queues commands, to be applied together as far as they are for the same frame, and passes on what fits. False: all of
// them refused, because the queue is full or no block could ever take so many. It keeps none of commands' memory.
func (q *Queue) Push(commands ...Command) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(commands) == 0 {
		return true
	}
	timed := 0
	for i := range commands {
		if commands[i].At != 0 {
			timed++
		}
	}
	if len(commands) > shm.HeadRoom || q.waiting+len(commands) > QueueLength || timed > 0 && q.timed+timed > HeldLength {
		return false
	}
	rest := slices.Clone(commands)
	slices.SortStableFunc(rest, func(a, b Command) int { return cmp.Compare(a.At, b.At) })
	for len(rest) > 0 {
		n := slices.IndexFunc(rest, func(c Command) bool { return c.At != rest[0].At })
		if n < 0 {
			n = len(rest)
		}
		q.put(rest[:n])
		rest = rest[n:]
	}
	q.drain()
	if q.waiting > 0 {
		select {
		case q.waits <- struct{}{}:
		default:
		}
	}
	return true
}

// Waits delivers a value after a Push that left something waiting: Drain is due, again and again, until it says that nothing waits.
func (q *Queue) Waits() <-chan struct{} { return q.waits }

// put lines up commands for one frame.
func (q *Queue) put(commands []Command) {
	b := bundle{number: q.pushed, commands: commands}
	q.pushed++
	q.waiting += len(commands)
	if commands[0].At == 0 {
		q.now = append(q.now, b)
		return
	}
	q.timed += len(commands)
	b.time = max(commands[0].Frame(), q.w.sealed())
	i, _ := slices.BinarySearchFunc(q.held, b.time+1, func(h bundle, time int64) int { return cmp.Compare(h.time, time) })
	q.held = slices.Insert(q.held, i, b)
}

// Drain passes on what fits now and says how many still wait.
func (q *Queue) Drain() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting > 0 {
		q.drain()
	}
	return q.waiting
}

// drain fills the log. Of what may go, the bundle that came first goes first, so that neither what is timed nor what is not can
// keep the other waiting for ever, nor small bundles a large one.
func (q *Queue) drain() {
	room, now, held := q.w.Room(), 0, 0
	for {
		var b *bundle
		timed := q.due(held)
		if now < len(q.now) {
			b = &q.now[now]
		}
		if timed = timed && (b == nil || q.held[held].number < b.number); timed {
			b = &q.held[held]
		}
		if b == nil || len(b.commands) > room {
			break
		}
		for _, c := range b.commands {
			if q.committed != nil {
				q.committed(q.w.Head(), c)
			}
			q.w.Append(c)
		}
		room -= len(b.commands)
		q.waiting -= len(b.commands)
		if timed {
			q.timed -= len(b.commands)
			held++
		} else {
			now++
		}
	}
	if now+held == 0 {
		return
	}
	q.w.Commit()
	q.now = slices.Delete(q.now, 0, now)
	q.held = slices.Delete(q.held, 0, held)
}

// due says whether the time of held bundle i has come and a worker's state has room for it.
func (q *Queue) due(i int) bool {
	return i < len(q.held) && q.held[i].time < q.w.sealed()+q.ahead && len(q.held[i].commands) <= q.w.TimedRoom()
}
