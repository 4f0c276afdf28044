package floor

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"chronus/engine/clock"
	"chronus/engine/quantile"
	"chronus/harness/schedule"
)

// tickers sleep to absolute times, one thread per CPU, and record how late they
// wake.
type tickers struct {
	mu     sync.Mutex
	late   []int64 // of every tick, ns
	stalls []Stall
	fifo   bool
}

// maxLate bounds the ticks kept between two reports: half an hour of them on
// two CPUs.
const maxLate = 1 << 20

func startTickers(period time.Duration) (*tickers, error) {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return nil, fmt.Errorf("floor: allowed CPUs: %w", err)
	}
	schedule.FreeProcs()
	t := &tickers{fifo: true}
	var started sync.WaitGroup
	for cpu := range len(allowed) * 64 {
		if allowed.IsSet(cpu) {
			started.Add(1)
			go t.tick(cpu, period, &started)
		}
	}
	started.Wait()
	return t, nil
}

func (t *tickers) tick(cpu int, period time.Duration, started *sync.WaitGroup) {
	runtime.LockOSThread()
	var one unix.CPUSet
	one.Set(cpu)
	unix.SchedSetaffinity(0, &one) // cannot fail: the CPU is allowed
	if !schedule.Fifo(0, tickerPriority) {
		t.mu.Lock()
		t.fifo = false
		t.mu.Unlock()
	}
	started.Done()
	due := clock.Now()
	for {
		due += int64(period)
		clock.ParkUntil(due)
		woke := clock.Now()
		t.add(cpu, due, woke, period)
		if woke > due+int64(period) {
			due = woke // the ticks missed are one stall, not many
		}
	}
}

func (t *tickers) add(cpu int, due, woke int64, period time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.late) < maxLate {
		t.late = append(t.late, woke-due)
	}
	if s := (Stall{cpu, due, woke}); s.Duration() >= period/stallShare {
		t.stalls = append(t.stalls, s)
	}
}

func (t *tickers) report() *Report {
	t.mu.Lock()
	late, r := t.late, &Report{Stalls: t.stalls, Fifo: t.fifo}
	t.late, t.stalls = nil, nil
	t.mu.Unlock()
	slices.Sort(late)
	if r.Ticks = len(late); r.Ticks > 0 {
		r.P50NS, r.P99NS, r.MaxNS = quantile.Nearest(late, 0.50), quantile.Nearest(late, 0.99), quantile.Nearest(late, 1)
	}
	return r
}
