package play

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"chronus/engine/clock"
	"chronus/engine/control"
	"chronus/harness/record"
)

// heaps keeps what the engine's players and workers have allocated and
// collected. Workers die, and their counts with them, so the last reading of
// each worker that any status showed is kept: the one just before a fault hits
// it, among others.
type heaps struct {
	mu   sync.Mutex
	last map[heapOf]record.Heap
}

type heapOf struct {
	process    string
	generation uint32
}

func newHeaps() *heaps { return &heaps{last: map[heapOf]record.Heap{}} }

// see keeps a status's readings.
func (h *heaps) see(st *control.Status) {
	h.mu.Lock()
	defer h.mu.Unlock()
	keep := func(process string, generation uint32, allocs, gcs uint64) {
		h.last[heapOf{process, generation}] = record.Heap{Process: process, Generation: generation, Allocs: allocs, GCs: gcs}
	}
	for _, w := range st.Workers {
		keep(record.Worker, w.Generation, w.RenderAlloc, w.GCs)
	}
	keep(record.Player, st.Player.Generation, st.CallbackAllocs, st.PlayerGCs)
}

// readings returns the last readings in a fixed order.
func (h *heaps) readings() []record.Heap {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.SortedFunc(maps.Values(h.last), func(a, b record.Heap) int {
		return cmp.Or(cmp.Compare(a.Process, b.Process), cmp.Compare(a.Generation, b.Generation))
	})
}

// hostBefore reads the host's runtime before the cycles, hostAfter after them.
func hostBefore(ctx context.Context, e *engine) (*record.HostRuntime, error) {
	r, err := e.Runtime(ctx)
	if err != nil {
		return nil, err
	}
	return &record.HostRuntime{Before: record.Runtime(*r), BeforeNS: clock.Now()}, nil
}

func hostAfter(ctx context.Context, e *engine, h *record.HostRuntime) error {
	r, err := e.Runtime(ctx)
	if err != nil {
		return err
	}
	after := record.Runtime(*r)
	h.After, h.AfterNS = &after, clock.Now()
	return nil
}
