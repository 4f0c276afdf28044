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

// Queue stands between the receiver of commands and the log. It never blocks.
// When it is full, it drops what no longer matters: of several values that wait
// for one parameter at one frame, all but the last, which keeps its place in
// the order of arrival. So the last value wins, however many came before it,
// and a fader is never left at a stale value. This happens before the log, so
// that every replica still applies the same commands. Only if that many
// different parameters and frames wait, the newest commands are refused; the
// caller counts them.
//
// A timed command waits here until its frame is a quarter of a second plus the
// lead ahead of the last seal. That is late enough for the few places in a
// worker's state to suffice, and early enough that the command is not late even
// if the host is not scheduled for a long time.
type Queue struct {
	mu        sync.Mutex
	w         *Writer
	now       []bundle       // untimed, in the order of their arrival
	held      []bundle       // timed, by time, then in the order of their arrival
	pushed    uint64         // bundles
	waiting   int            // commands
	timed     int            // commands in held
	values    map[target]int // waiting commands by what they set
	coalesced uint64
	scratch   []bundle // of divide
	ahead     int64    // frames
	waits     chan struct{}
	committed func(index uint64, c command.Command)
}

// bundle holds commands that take effect at one instant. They enter the log
// together and are taken under one seal.
type bundle struct {
	number uint64 // in the order of arrival
	// time is their frame, or the first frame not yet sealed on arrival if that
	// is later, or command.Untimed.
	time     int64
	commands []command.Command
}

func (b *bundle) isTimed() bool { return b.time != command.Untimed }

// target is what a command sets and when: at most one of several commands with
// the same target can have an effect.
type target struct {
	address uint32
	frame   int64 // command.Untimed, or late
}

// late is the frame of every command that had come too late on arrival, because
// all of those act at once.
const late = -2

func (b *bundle) target(i int) target {
	c := &b.commands[i]
	if c.Timed() && c.Frame < b.time {
		return target{c.Address, late}
	}
	return target{c.Address, c.Frame}
}

// NewQueue returns a queue in front of w. committed may be nil. If it is not,
// it is called for every command that gets a place in the log, in the order of
// the log and before the log's head moves past the command.
func NewQueue(w *Writer, committed func(index uint64, c command.Command)) *Queue {
	geo := &w.host.Geo
	return &Queue{
		w: w, committed: committed, waits: make(chan struct{}, 1), values: map[target]int{},
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
	if len(commands) > shm.HeadRoom {
		return false
	}
	slices.SortStableFunc(commands, func(a, b command.Command) int { return cmp.Compare(a.Frame, b.Frame) })
	bundles := q.divide(commands)
	if !q.room(bundles, 0, 0) && !q.supersede(bundles) {
		return false
	}
	for _, b := range bundles {
		q.put(b)
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

// divide makes one bundle of the commands for each frame. They are sorted by
// frame.
func (q *Queue) divide(commands []command.Command) []bundle {
	bundles := q.scratch[:0]
	for len(commands) > 0 {
		n := slices.IndexFunc(commands, func(c command.Command) bool { return c.Frame != commands[0].Frame })
		if n < 0 {
			n = len(commands)
		}
		b := bundle{time: command.Untimed, commands: commands[:n:n]}
		if commands[0].Timed() {
			b.time = max(commands[0].Frame, q.w.sealed())
		}
		bundles = append(bundles, b)
		commands = commands[n:]
	}
	q.scratch = bundles
	return bundles
}

// room reports whether there is room for bundles once so many commands, and so
// many timed ones among them, have left.
func (q *Queue) room(bundles []bundle, left, leftTimed int) bool {
	waiting, timed, planned := q.waiting-left, q.timed-leftTimed, false
	for i := range bundles {
		waiting += len(bundles[i].commands)
		if bundles[i].isTimed() {
			timed, planned = timed+len(bundles[i].commands), true
		}
	}
	return waiting <= QueueLength && (timed <= HeldLength || !planned)
}

// supersede makes room for bundles by dropping waiting commands that have no
// effect any more, because a later one sets the same parameter at the same
// frame, and reports whether it could. It drops first what bundles supersede,
// which is cheap. Only if that is not enough, it drops what other waiting
// commands supersede; after that none is left, so that even a flood causes it
// at most once per drain. What bundles supersede is dropped only if they then
// fit, since otherwise it is the last value.
func (q *Queue) supersede(bundles []bundle) bool {
	if q.replace(bundles) {
		return true
	}
	if q.waiting == len(q.values) {
		return false
	}
	q.drop(func(t target) bool { return q.values[t] > 1 })
	return q.room(bundles, 0, 0) || q.replace(bundles)
}

// replace drops what bundles supersede if they then fit.
func (q *Queue) replace(bundles []bundle) bool {
	older := map[target]bool{}
	left, leftTimed := 0, 0
	for i := range bundles {
		for j := range bundles[i].commands {
			t := bundles[i].target(j)
			n := q.values[t]
			if n == 0 || older[t] {
				continue
			}
			older[t] = true
			left += n
			if bundles[i].isTimed() {
				leftTimed += n
			}
		}
	}
	if left == 0 || !q.room(bundles, left, leftTimed) {
		return false
	}
	q.drop(func(t target) bool { return older[t] })
	return true
}

// drop takes out the waiting commands, the oldest first, as long as superseded
// holds for what they set. Bundles that lose all their commands go too.
func (q *Queue) drop(superseded func(t target) bool) {
	clean := func(bundles []bundle) []bundle {
		return slices.DeleteFunc(bundles, func(b bundle) bool { return len(b.commands) == 0 })
	}
	for _, bundles := range [][]bundle{q.now, q.held} {
		for i := range bundles {
			b := &bundles[i]
			kept := b.commands[:0]
			for j, c := range b.commands {
				if t := b.target(j); superseded(t) {
					q.gone(t, b.isTimed())
					q.coalesced++
				} else {
					kept = append(kept, c)
				}
			}
			b.commands = kept
		}
	}
	q.now, q.held = clean(q.now), clean(q.held)
}

// gone counts a command that no longer waits.
func (q *Queue) gone(t target, timed bool) {
	q.waiting--
	if timed {
		q.timed--
	}
	if q.values[t]--; q.values[t] == 0 {
		delete(q.values, t)
	}
}

// Waiting returns the number of commands that wait for room in the log or for
// their time, and the number of those that were dropped because a later one
// set the same parameter at the same frame.
func (q *Queue) Waiting() (waiting int, coalesced uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting, q.coalesced
}

// Waits returns a channel that delivers a value after a Push that left commands
// waiting. Drain must then be called repeatedly until it returns 0.
func (q *Queue) Waits() <-chan struct{} { return q.waits }

// put lines up a bundle.
func (q *Queue) put(b bundle) {
	b.number = q.pushed
	q.pushed++
	q.waiting += len(b.commands)
	for i := range b.commands {
		q.values[b.target(i)]++
	}
	if !b.isTimed() {
		q.now = append(q.now, b)
		return
	}
	q.timed += len(b.commands)
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
		for i, c := range b.commands {
			if q.committed != nil {
				q.committed(q.w.Head(), c)
			}
			q.w.Append(c)
			q.gone(b.target(i), timed)
		}
		room -= len(b.commands)
		if timed {
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
