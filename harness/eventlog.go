package harness

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"chronus/engine/clock"
	"chronus/engine/control"
	"chronus/harness/probe"
	"chronus/harness/report"
)

// received is an event and when the harness had it.
type received struct {
	control.Event
	at int64 // CLOCK_MONOTONIC, ns
}

// eventLog keeps all events of an engine, from the first one on, with the time of their receipt. What can only be seen at
// that time it checks at once.
type eventLog struct {
	mu       sync.Mutex
	all      []received
	news     chan struct{} // closed and replaced at each event, and at the end
	ended    bool
	err      error // of the stream
	findings []report.Finding
	owner    map[int]int  // last pid by slot
	exited   map[int]bool // by pid: its worker_exited has come
}

func newEventLog() *eventLog {
	return &eventLog{news: make(chan struct{}), owner: map[int]int{}, exited: map[int]bool{}}
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
	r := received{e, clock.Now()}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, r)
	l.late(r)
	switch e.Kind {
	case control.WorkerExited:
		l.exited[e.PID] = true
	case control.WorkerSpawned:
		l.reuse(r)
		l.owner[e.Slot] = e.PID
	}
	close(l.news)
	l.news = make(chan struct{})
}

// late holds an event's own time against its receipt.
func (l *eventLog) late(r received) {
	for name, ns := range map[string]int64{"t_ns": r.TNS, "return_ns": r.ReturnNS, "first_ns": r.FirstNS, "known_ns": r.KnownNS} {
		if ns > r.at {
			l.findings = append(l.findings, report.Finding{
				Assertion: report.TimestampErrors,
				Detail:    fmt.Sprintf("%s: its %s lies %d ns after its receipt", r.Kind, name, ns-r.at),
			})
		}
	}
}

// reuse checks that a slot's ring changes hands only when its last owner is dead for certain: reported as reaped, and gone
// from the process table.
func (l *eventLog) reuse(r received) {
	before, ok := l.owner[r.Slot]
	if !ok {
		return
	}
	find := func(how string) {
		l.findings = append(l.findings, report.Finding{
			Assertion: report.RingReuse,
			Detail:    fmt.Sprintf("slot %d was given to pid %d, and its last owner, pid %d, %s", r.Slot, r.PID, before, how),
		})
	}
	if !l.exited[before] {
		find("was not reported as exited")
	}
	if p, err := probe.Find(before); err == nil && !p.Dead() && p.PID != r.PID {
		find(fmt.Sprintf("was still there, in state %c", p.State))
	}
}

// len is the number of events so far.
func (l *eventLog) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}

// from returns the events from number n on.
func (l *eventLog) from(n int) []received {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all[n:len(l.all):len(l.all)]
}

// errStream: the stream ended, so what is waited for will not come.
var errStream = errors.New("the engine's events have ended")

// wait returns when the events from number n on are enough.
func (l *eventLog) wait(ctx context.Context, n int, enough func([]received) bool) error {
	for {
		l.mu.Lock()
		window, news, ended, err := l.all[n:len(l.all):len(l.all)], l.news, l.ended, l.err
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
