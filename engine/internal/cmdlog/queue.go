package cmdlog

import (
	"cmp"
	"slices"
	"sync"

	"chronus/engine/command"
	"chronus/engine/internal/shm"
)

const (
	// QueueLength is the number of commands that may wait in the host, for room
	// in the log or for their time.
	QueueLength = 4096
	// HeldLength is the number of those that may be timed. However much is
	// planned, there is room for what should happen now.
	HeldLength = QueueLength * 3 / 4
)

// Queue stands between the receiver of commands and the log. It never blocks:
// commands that do not fit are refused, the newest first, and the caller counts
// them.
//
// A timed command waits here until its frame is a quarter of a second plus the
// lead ahead of the last seal. That is late enough for the few places in a
// worker's state to suffice, and early enough that the command is not late even
// if the host is not scheduled for a long time.
type Queue struct {
	mu        sync.Mutex
	w         *Writer
	now       []bundle // untimed, in the order of their arrival
	held      []bundle // timed, by time, then in the order of their arrival
	pushed    uint64   // bundles
	waiting   int      // commands
	timed     int      // commands in held
	ahead     int64    // frames
	waits     chan struct{}
	committed func(index uint64, c command.Command)
}

// bundle holds commands that take effect at one instant. They enter the log
// together and are taken under one seal.
type bundle struct {
	number   uint64 // in the order of arrival
	time     int64  // their frame, or the first frame not yet sealed on arrival if that is later
	commands []command.Command
}

// NewQueue returns a queue in front of w. committed may be nil. If it is not,
// it is called for every command that gets a place in the log, in the order of
// the log and before the log's head moves past the command.
func NewQueue(w *Writer, committed func(index uint64, c command.Command)) *Queue {
	geo := &w.host.Geo
	return &Queue{
		w: w, committed: committed, waits: make(chan struct{}, 1),
		ahead: int64(geo.Rate/4 + geo.Lead*geo.Frames),
	}
}

// Push queues the commands of a datagram and passes on what fits into the log.
// Those for the same frame, and likewise those that are untimed, are applied
// together. It reports false if it refused all of them, because the queue is
// full or because no block could ever take so many. The slice belongs to the
// queue afterwards, which sorts it.
func (q *Queue) Push(commands []command.Command) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(commands) == 0 {
		return true
	}
	timed := 0
	for i := range commands {
		if commands[i].Timed() {
			timed++
		}
	}
	if len(commands) > shm.HeadRoom || q.waiting+len(commands) > QueueLength ||
		timed > 0 && q.timed+timed > HeldLength {
		return false
	}
	slices.SortStableFunc(commands, func(a, b command.Command) int { return cmp.Compare(a.Frame, b.Frame) })
	for rest := commands; len(rest) > 0; {
		n := slices.IndexFunc(rest, func(c command.Command) bool { return c.Frame != rest[0].Frame })
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

// Waits returns a channel that delivers a value after a Push that left commands
// waiting. Drain must then be called repeatedly until it returns 0.
func (q *Queue) Waits() <-chan struct{} { return q.waits }

// put lines up commands for the same frame.
func (q *Queue) put(commands []command.Command) {
	b := bundle{number: q.pushed, commands: commands}
	q.pushed++
	q.waiting += len(commands)
	if !commands[0].Timed() {
		q.now = append(q.now, b)
		return
	}
	q.timed += len(commands)
	b.time = max(commands[0].Frame, q.w.sealed())
	i, _ := slices.BinarySearchFunc(q.held, b.time+1, func(h bundle, time int64) int {
		return cmp.Compare(h.time, time)
	})
	q.held = slices.Insert(q.held, i, b)
}

// Drain passes on what fits now and returns the number of commands that still
// wait.
func (q *Queue) Drain() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting > 0 {
		q.drain()
	}
	return q.waiting
}

// drain fills the log. Of the bundles that may go, the one that arrived first
// goes first, so that timed and untimed commands cannot starve each other, nor
// small bundles a large one.
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

// due reports whether the time of held bundle i has come and a worker's state
// has room for it.
func (q *Queue) due(i int) bool {
	return i < len(q.held) && q.held[i].time < q.w.sealed()+q.ahead &&
		len(q.held[i].commands) <= q.w.TimedRoom()
}
