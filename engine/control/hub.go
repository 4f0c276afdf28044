package control

import (
	"math"
	"sync"
)

// EventsDropped is the kind of the last line of an event stream whose reader
// was too slow. It is about the stream and not the engine, so no other reader
// gets it.
const EventsDropped = "events_dropped"

const (
	kept   = 1024 // events that a late subscriber can still get
	queued = 4096 // events that a subscriber may be behind; above kept, so that a replay never overflows it
)

// Live, as the argument of Subscribe, means no replay.
const Live int64 = math.MaxInt64

// Hub hands events to subscribers. Its zero value is ready to use. All methods
// may be called from any goroutine.
type Hub struct {
	mu   sync.Mutex
	ring []Event // the last events; used as a ring once it is full
	next int     // index of the next one
	subs map[*Subscription]struct{}
}

// Publish gives ev to all subscribers and keeps it for late ones. It never
// waits for a subscriber: one with a full queue is cut off.
func (h *Hub) Publish(ev Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.ring) < kept {
		h.ring = append(h.ring, ev)
	} else {
		h.ring[h.next] = ev
	}
	h.next = (h.next + 1) % kept
	for s := range h.subs {
		select {
		case s.queue <- ev:
		default:
			s.end(true)
		}
	}
}

// Subscribe starts a subscription. It begins with the kept events of time since
// (CLOCK_MONOTONIC, ns) or later, which is all of them for 0 and none for Live;
// every event published from now on follows. Close it after use.
func (h *Hub) Subscribe(since int64) *Subscription {
	queue := make(chan Event, queued)
	s := &Subscription{C: queue, hub: h, queue: queue, dropped: make(chan struct{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.ring {
		if ev := h.ring[(h.next+i)%len(h.ring)]; since != Live && ev.TNS >= since {
			queue <- ev
		}
	}
	if h.subs == nil {
		h.subs = map[*Subscription]struct{}{}
	}
	h.subs[s] = struct{}{}
	return s
}

// Subscription is one reader's queue of events.
type Subscription struct {
	// C delivers the events in the order of their publication. It is closed,
	// after what was queued, by Close and when the reader was too slow.
	C <-chan Event

	hub     *Hub
	queue   chan Event
	dropped chan struct{} // closed when the reader was too slow
}

// Dropped returns a channel that is closed when the reader was too slow: the
// events that are still in C are the last before the gap.
func (s *Subscription) Dropped() <-chan struct{} { return s.dropped }

// Close ends the subscription. Events published before can still be read from
// C. It may be called more than once.
func (s *Subscription) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.end(false)
}

// end closes the queue. The caller holds the hub's lock.
func (s *Subscription) end(dropped bool) {
	if _, ok := s.hub.subs[s]; !ok {
		return
	}
	delete(s.hub.subs, s)
	if dropped {
		close(s.dropped)
	}
	close(s.queue)
}
