package control

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// drain reads what is left in a closed subscription.
func drain(s *Subscription) (got []int) {
	for ev := range s.C {
		got = append(got, int(ev.TNS))
	}
	return got
}

func count(from, to int) (ns []int) {
	for n := from; n < to; n++ {
		ns = append(ns, n)
	}
	return ns
}

func TestSubscriberGetsWhatItAskedForInOrder(t *testing.T) {
	for _, c := range []struct {
		name   string
		before int
		since  int64
		want   []int // of those before; 10 more are published afterwards
	}{
		{"live", 7, Live, nil},
		{"replay of nothing", 0, 0, nil},
		{"replay of a few", 7, 0, count(0, 7)},
		{"replay of exactly what is kept", kept, 0, count(0, kept)},
		{"replay after more than is kept", kept + 3, 0, count(3, kept+3)},
		{"replay after more than twice what is kept", 2*kept + 9, 0, count(kept+9, 2*kept+9)},
		{"replay from a time on", 100, 95, count(95, 100)},
		{"replay from a future time", 100, 105, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var h Hub
			for n := range c.before {
				h.Publish(event(n))
			}
			s := h.Subscribe(c.since)
			for n := range 10 {
				h.Publish(event(c.before + n))
			}
			s.Close()
			s.Close()
			h.Publish(event(-1)) // after the end of the subscription
			require.Equal(t, append(c.want, count(c.before, c.before+10)...), drain(s))
		})
	}
}

func TestSlowReaderIsCutOffAndKeepsWhatWasQueued(t *testing.T) {
	var h Hub
	slow, quick := h.Subscribe(Live), h.Subscribe(Live)
	for n := range queued {
		h.Publish(event(n))
		<-quick.C
	}
	select {
	case <-slow.Dropped():
		t.Fatal("dropped with a queue that is just full")
	default:
	}
	h.Publish(event(queued))
	<-slow.Dropped()
	h.Publish(event(queued + 1))
	quick.Close()
	require.Equal(t, count(0, queued), drain(slow))
	require.Equal(t, count(queued, queued+2), drain(quick))
	require.Empty(t, h.subs)
	slow.Close()
}

func TestHubFromManyGoroutines(t *testing.T) {
	var h Hub
	var publishers, readers sync.WaitGroup
	const each = 500
	var subs []*Subscription
	for range 4 {
		s := h.Subscribe(0)
		subs = append(subs, s)
		readers.Go(func() {
			last := [4]int64{-1, -1, -1, -1} // each publisher's events stay in order
			for ev := range s.C {
				if ev.TNS != last[ev.Slot]+1 {
					t.Errorf("publisher %d: %d after %d", ev.Slot, ev.TNS, last[ev.Slot])
				}
				last[ev.Slot] = ev.TNS
			}
			if last != [4]int64{each - 1, each - 1, each - 1, each - 1} {
				t.Errorf("ended at %v", last)
			}
		})
	}
	for p := range 4 {
		publishers.Go(func() {
			for n := range each {
				h.Publish(Event{TNS: int64(n), Slot: p})
				h.Subscribe(0).Close()
			}
		})
	}
	publishers.Wait()
	for _, s := range subs {
		s.Close()
	}
	readers.Wait()
}
