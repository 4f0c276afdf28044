package play

import (
	"context"
	"errors"
	"slices"
	"sync"

	"chronus/engine/clock"
	"chronus/engine/control"
	"chronus/harness/probe"
	"chronus/harness/record"
)

// eventLog keeps all events of an engine, from the first one on, with the time
// of their receipt and what can only be seen at that time. Its window is open:
// the events since the last one that was closed.
type eventLog struct {
	mu    sync.Mutex
	all   []record.Event
	open  int           // the window's first event
	news  chan struct{} // closed and replaced at each event, and at the end
	ended bool
	err   error       // of the stream
	owner map[int]int // last pid by slot
}

func newEventLog() *eventLog {
	return &eventLog{news: make(chan struct{}), owner: map[int]int{}}
}

// follow takes a stream's events until it ends.
func (l *eventLog) follow(s *control.Stream) {
	for e := range s.C {
		l.add(e)
	}
	l.end(s.Err())
}

func (l *eventLog) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended, l.err = true, err
	close(l.news)
}

func (l *eventLog) add(e control.Event) {
	r := record.Event{Event: e, AtNS: clock.Now(), Cycle: record.Apart}
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Kind == control.WorkerSpawned {
		if before, ok := l.owner[e.Slot]; ok {
			r.LastOwner = look(before)
		}
		l.owner[e.Slot] = e.PID
	}
	l.all = append(l.all, r)
	close(l.news)
	l.news = make(chan struct{})
}

// look returns what /proc shows of a process now.
func look(pid int) *record.Owner {
	o := &record.Owner{PID: pid}
	if p, err := probe.Find(pid); err == nil {
		o.State = string(p.State)
	}
	return o
}

// close ends the window, whose events are those of a cycle, and returns them.
func (l *eventLog) close(cycle int) []record.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	window := l.all[l.open:len(l.all):len(l.all)]
	for i := range window {
		window[i].Cycle = cycle
	}
	l.open = len(l.all)
	return window
}

// events returns all events so far.
func (l *eventLog) events() []record.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

// errStream: the stream ended, so what is waited for will not come.
var errStream = errors.New("the engine's events have ended")

// wait returns when the events of the window are enough.
func (l *eventLog) wait(ctx context.Context, enough func(window []record.Event) bool) error {
	for {
		l.mu.Lock()
		window, news, ended, err := l.all[l.open:len(l.all):len(l.all)], l.news, l.ended, l.err
		l.mu.Unlock()
		switch {
		case enough(window):
			return nil
		case ended:
			return errors.Join(errStream, err)
		}
		select {
		case <-news:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
